/** How this phone becomes one that a server lets in, and ceases to be. */
import { readMe, revoke as forget, takeToken } from "../../../web/src/api/devices";
import { Refused } from "../../../web/src/api/errors";
import { send, type Options } from "../../../web/src/api/http";

/** Milliseconds after which a server that says nothing is taken for none. */
const PATIENCE = 8_000;

/** What answers there is no Darkroom. */
export class NoDarkroom extends Error {
  override readonly name = "NoDarkroom";
}

/** Whether everybody may come in there, without a code. Throws Unreachable, NoDarkroom. */
export async function isOpen(base: string): Promise<boolean> {
  const health = await send("GET", "health", at(base)).catch((error: unknown) => {
    throw error instanceof Refused ? new NoDarkroom() : error;
  });
  const { door } = (await health.json().catch(() => ({}))) as { door?: string };
  if (door !== "open" && door !== "closed") throw new NoDarkroom();
  return door === "open";
}

/** The token that a code is good for. Throws Refused, Unreachable. */
export function pair(base: string, code: string, name: string): Promise<string> {
  return takeToken(code, name, at(base));
}

/** Has a server revoke this phone's token. Throws Refused, Unreachable. */
export async function revoke(base: string, token: string): Promise<void> {
  const there = at(base, token);
  const { device } = await readMe(there);
  if (device) await forget(device.id, there);
}

/** A server that need not be the one in use. */
function at(base: string, token: string | null = null): Options {
  return { at: { base, token }, patience: PATIENCE };
}
