/** What part of the grid is in sight, and what keeps it there. */
import { signal } from "@preact/signals";

/** Where the user was when the gallery was left. */
export const left = { y: 0, width: 0 };

/** Pixels a millisecond above which pictures only rush past and are not fetched. */
const FAST = 4;

/** Milliseconds without a move after which it stands still. */
const STILL = 120;

export const fast = signal(false);

let last = { y: 0, at: 0 };
let timer: ReturnType<typeof setTimeout> | undefined;

/** Takes note of where the page is now. */
export function noteSpeed(y: number, at = performance.now()): void {
  const speed = Math.abs(y - last.y) / Math.max(1, at - last.at);
  last = { y, at };
  if (speed > FAST) fast.value = true;
  clearTimeout(timer);
  timer = setTimeout(() => (fast.value = false), STILL);
}
