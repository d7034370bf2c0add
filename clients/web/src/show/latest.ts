/** The newest pictures for a big screen, and which of them is shown large. */
import type { Job, Output } from "../api/types";

/** A picture of somebody's, with what was asked for. */
export interface Shown {
  id: string;
  output: Output;
  prompt: string;
}

/** As many as fill a screen without being small. */
export const MOST = 13;

/**
 * The newest pictures of these jobs. One that is shown already keeps its address: a new one would
 * only have it loaded again.
 */
export function latest(jobs: readonly Job[], before: readonly Shown[]): Shown[] {
  const known = new Map(before.map((each) => [each.id, each]));
  return jobs
    .flatMap((job) => [...job.outputs].reverse().map((output) => ({ id: output.id, output, prompt: job.input.prompt })))
    .slice(0, MOST)
    .map((each) => known.get(each.id) ?? each);
}

/** Which is large next: the newest where there is a new one, else the one after, round and round. */
export function turn(large: string | null, before: readonly Shown[], now: readonly Shown[], due: boolean): string | null {
  const fresh = now.find((each) => !before.some(({ id }) => id === each.id));
  if (fresh && before.length) return now[0]!.id;
  const at = now.findIndex(({ id }) => id === large);
  if (at < 0 || !due) return (now[at] ?? now[0])?.id ?? null;
  return now[(at + 1) % now.length]!.id;
}
