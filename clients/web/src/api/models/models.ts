import { get, send } from "../http";
import type { AddOnChange, FileKind, Model, ModelChange, ModelList, Sampler, Schedule } from "../types";

/** The models, the default one first, and what of them is not on offer. */
export async function models(): Promise<ModelList> {
  const list = await get<Partial<ModelList>>("models");
  // A server of an earlier version does not send all of them.
  const models = (list.models ?? []).map((each: Model & Partial<Pick<Model, "sizes">>) => ({ ...each, sizes: each.sizes ?? [] }));
  return { models, left_alone: list.left_alone ?? [], problems: list.problems ?? [] };
}

export function samplers(): Promise<{ samplers: Sampler[]; schedules: Schedule[] }> {
  return get("samplers");
}

/** Brings a model into memory before a job asks for it, or takes it out of there. */
export async function order(model: string, action: "load" | "unload"): Promise<void> {
  await send("POST", `${at(model)}/${action}`);
}

/** Keeps a model in memory whatever else needs the room, or no longer. */
export async function pin(model: string, keep: boolean): Promise<void> {
  await send(keep ? "PUT" : "DELETE", `${at(model)}/pin`);
}

/** Has a worker offer a model, or leave it alone. */
export async function put(model: string, worker: string, on: boolean): Promise<void> {
  await send(on ? "PUT" : "DELETE", `${at(model)}/workers/${encodeURIComponent(worker)}`);
}

/** A model, or something that can be added to models, as a path names it. */
export interface Named {
  name: string;
  kind: FileKind;
}

/** Changes its words and defaults; null is what its files say. */
export async function change(named: Named, some: ModelChange | AddOnChange): Promise<void> {
  // A worker writes it down, and may be busy.
  await send("PATCH", of(named), { json: some, patience: 60_000 });
}

/** Deletes it with its files; the bytes that this freed. */
export async function remove(named: Named): Promise<number> {
  const response = await send("DELETE", of(named), { patience: 60_000 });
  return ((await response.json()) as { freed_bytes: number }).freed_bytes;
}

/** Has a picture stand for it. */
export async function setPreview(named: Named, picture: Blob): Promise<void> {
  await send("PUT", `${of(named)}/preview`, { file: picture, patience: 60_000 });
}

export async function dropPreview(named: Named): Promise<void> {
  await send("DELETE", `${of(named)}/preview`);
}

function of({ kind, name }: Named): string {
  return kind === "model" ? at(name) : `models/add-ons/${kind}/${encodeURIComponent(name)}`;
}

function at(model: string): string {
  return `models/${encodeURIComponent(model)}`;
}
