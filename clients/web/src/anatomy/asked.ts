/** What the room asks for, in the words of a job. */
import type { JobRequest } from "../api/types";
import type { State } from "./state";

/** The picture of part 1. */
export function asked({ prompt, seed, steps, sampler, schedule, guidance, model }: State): JobRequest {
  const request: JobRequest = { prompt, seed, steps, guidance_scale: guidance, schedule, preview_interval: 0 };
  if (sampler) request.sampler = sampler;
  if (model) request.model = model;
  return request;
}
