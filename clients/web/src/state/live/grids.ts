/** Which jobs are the cells of a grid. */
import type { Job } from "../../api/types";

/** The id of the grid that a job is a cell of; null for one by itself. */
export function gridOf(job: Pick<Job, "input">): string | null {
  const grid = job.input.metadata?.grid;
  return typeof grid === "string" ? grid : null;
}
