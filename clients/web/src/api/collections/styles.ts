/** Styles: named texts for both prompts, which everybody on the server has. */
import { get, send } from "../http";
import type { Style } from "../types";

export async function styles(): Promise<Style[]> {
  return (await get<{ styles: Style[] }>("styles")).styles;
}

/** Refused where another of this name is there already, but for an admin. */
export async function keepStyle(name: string, prompt: string, negative: string): Promise<void> {
  await send("PUT", path(name), { json: { prompt, negative_prompt: negative } });
}

/** An admin may. */
export async function deleteStyle(name: string): Promise<void> {
  await send("DELETE", path(name));
}

function path(name: string): string {
  return `styles/${encodeURIComponent(name)}`;
}
