/** Places of a picture as lengths: so many that are not meant, so many that are, and so on, row by row. */

export type Runs = Uint32Array;

/** The places whose level is at least so high; null where none is. */
export function runsOf(levels: Uint8Array | Uint8ClampedArray, least: number): Runs | null {
  const found: number[] = [];
  let [meant, from] = [false, 0];
  for (let at = 0; at < levels.length; at++) {
    if (levels[at]! >= least === meant) continue;
    found.push(at - from);
    [meant, from] = [!meant, at];
  }
  if (!found.length) return null;
  found.push(levels.length - from);
  return Uint32Array.from(found);
}

/** Makes those places opaque; `rgba` has four bytes each. */
export function lay(runs: Runs, rgba: Uint8ClampedArray): void {
  let at = 0;
  runs.forEach((length, index) => {
    if (index % 2) for (let each = at; each < at + length; each++) rgba[4 * each + 3] = 255;
    at += length;
  });
}
