/** Leads from a picture to how it was made. */
import type { Job, Output } from "../api/types";
import { go } from "../state/page/route";

/** Opens the room of anatomy on this picture. */
export function anatomy(job: Job, output: Output): void {
  const { prompt, steps, sampler, schedule, guidance_scale: guidance, model } = job.input;
  const known = { part: "steps", prompt, seed: output.seed, steps, sampler, schedule, guidance, model, image: output.id };
  go("anatomy", new URLSearchParams(Object.entries(known).map(([name, each]) => [name, String(each)])).toString());
}
