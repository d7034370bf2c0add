/** Milliseconds in which the same tap once more is a finger that tapped twice. */
const TWICE = 700;

const tapped = new Map<string, number>();

/** Whether this was asked for a moment ago: what a double tap asks for is wanted once. */
export function twice(what: string): boolean {
  const now = performance.now();
  for (const [each, at] of tapped) if (now - at >= TWICE) tapped.delete(each);
  const again = tapped.has(what);
  tapped.set(what, now);
  return again;
}
