/** Which jobs are seen, and as what. */
import { ENDED } from "../api/types";
import { gridOf } from "../state/live/grids";
import { find, ids } from "../state/live/jobs";

/** Ended jobs that are shown here; all others are in the gallery. */
const LATEST = 12;

/** Jobs of a kind that each have a card; more of them stand in a queue of rows, or in one line. */
const AS_CARDS = 3;

/** Jobs among which the unfinished ones are looked for; a grid may have many. */
export const LOOKED = 300;

/** Of a grid, its cells being jobs of their own. */
export const GRID = "grid:";

export interface Listed {
  /** What has not ended, where it is too many for cards. */
  queue: readonly string[];
  /** What was canceled before it made a picture, where it is too many for cards. */
  canceled: readonly string[];
  /** What has a card: the newest first, a grid in the place of its newest cell. */
  cards: readonly string[];
  /** Whether there is room for older pictures. */
  room: boolean;
}

/** What is under way, and the latest of what ended: neither those nor canceled jobs take its place. */
export function listed(): Listed {
  const all = entries();
  const open = all.filter(isOpen);
  const isLatest = new Set(all.filter((id) => !isOpen(id) && !isEmpty(id)).slice(0, LATEST));
  const oldest = [...isLatest].at(-1);
  // Older ones than all that is shown are past.
  const recent = isLatest.size < LATEST ? all : all.slice(0, all.indexOf(oldest!));
  const canceled = recent.filter(isEmpty);
  const queue = open.length > AS_CARDS ? open : [];
  const line = canceled.length > AS_CARDS ? canceled : [];
  const apart = new Set([...queue, ...line]);
  const has = new Set([...open, ...canceled, ...isLatest].filter((id) => !apart.has(id)));
  return { queue, canceled: line, cards: all.filter((id) => has.has(id)), room: isLatest.size < LATEST };
}

function entries(): string[] {
  const all = ids.value.slice(0, LOOKED).map((id) => {
    const job = find(id)?.job.peek();
    const grid = job && gridOf(job);
    return grid ? `${GRID}${grid}` : id;
  });
  return [...new Set(all)];
}

function isOpen(id: string): boolean {
  return !ENDED.has(find(id)?.job.value.status ?? "succeeded");
}

function isEmpty(id: string): boolean {
  const job = find(id)?.job.value;
  return job?.status === "canceled" && job.outputs.length === 0;
}
