/** In which order jobs come, and which of them can change places. */
import { move, read, type Place } from "../api/jobs";
import type { Job } from "../api/types";
import { find, merge } from "../state/live/jobs";

/** A way for a waiting job among those that wait for the same. */
export type Way = "front" | "up" | "down";

/** Where a job is after a move, counted from 1, among how many. */
export interface Moved {
  prompt: string;
  place: number;
  of: number;
}

/** What runs first, then what waits, in its turn; where nothing is known, the oldest first. */
export function inTurn(ids: readonly string[]): string[] {
  const place = new Map(ids.map((id) => [id, placeOf(find(id)?.job.value)]));
  return [...ids].sort((a, b) => place.get(a)! - place.get(b)! || (a < b ? -1 : 1));
}

function placeOf(job: Job | undefined): number {
  if (job?.status === "running") return -1;
  return job?.queue_position ?? Infinity;
}

/** The jobs, in their turn, that wait for the same as this one, itself among them. */
export function beside(id: string, turn: readonly string[]): string[] {
  const own = find(id)?.job.value;
  return turn.filter((each) => {
    const job = find(each)?.job.value;
    return job?.status === "queued" && own && job.input.model === own.input.model && job.input.priority === own.input.priority;
  });
}

/** Whether any of the jobs can change places: two must wait for the same. */
export function canMove(turn: readonly string[]): boolean {
  const seen = new Set<string>();
  return turn.some((id) => {
    const job = find(id)?.job.value;
    if (job?.status !== "queued") return false;
    const same = `${job.input.priority} ${job.input.model}`;
    return seen.has(same) || !seen.add(same);
  });
}

/** Where a way leads a job; null where it is there already. */
export function target(id: string, way: Way, among: readonly string[]): Place | null {
  const at = among.indexOf(id);
  if (at < 0) return null;
  if (way === "front") return at > 0 ? { to: "first" } : null;
  const other = among[way === "up" ? at - 1 : at + 1];
  if (other === undefined) return null;
  return way === "up" ? { before: other } : { after: other };
}

/** Moves a job, and asks where the others are now. */
export async function moveTo(id: string, place: Place, among: readonly string[]): Promise<void> {
  const moved = await move(id, place);
  const others = await Promise.allSettled(among.filter((each) => each !== id).slice(0, MOST).map(read));
  merge([moved, ...others.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []))]);
}

/** Others that are asked for at once; those further back are asked for in their turn. */
const MOST = 24;
