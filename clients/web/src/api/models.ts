import { absolute, get, send } from "./http";
import type { ModelList, Sampler, Schedule } from "./types";

/** The models, the default one first, and what of them is not on offer. */
export function models(): Promise<ModelList> {
  return get("models");
}

export function samplers(): Promise<{ samplers: Sampler[]; schedules: Schedule[] }> {
  return get("samplers");
}

/** Where the browser gets the picture of a model, about as wide as `width` pixels. */
export function cover(url: string, width: number): string {
  return `${absolute(url)}${url.includes("?") ? "&" : "?"}width=${width}`;
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

function at(model: string): string {
  return `models/${encodeURIComponent(model)}`;
}
