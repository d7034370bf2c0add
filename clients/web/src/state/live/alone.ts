/** A picture of a walk as one that was asked for alone. */
import type { Job, Output } from "../../api/types";

/** The job that makes this picture and no other; the job itself where it is no walk. */
export function alone(job: Job, output: Output): Job {
  if (!job.input.walk) return job;
  const kind = "text-to-image";
  return { ...job, kind, files: [], input: { ...job.input, kind, walk: null, count: 1, ...output.own } };
}
