import { get } from "./http";
import type { Model, Sampler, Schedule } from "./types";

/** The models, the default one first. */
export async function models(): Promise<Model[]> {
  return (await get<{ models: Model[] }>("models")).models;
}

export function samplers(): Promise<{ samplers: Sampler[]; schedules: Schedule[] }> {
  return get("samplers");
}
