/** What of a picture has the colour of one of its places: all that hangs together with it, or all of it. */
import type { Point, Size } from "../../view";

export interface Flood {
  /** How far a colour may be from that of the place, 0 to 1. */
  readonly tolerance: number;
  /** Wherever that colour is, and not only what hangs together with the place. */
  readonly everywhere: boolean;
}

/** The farthest that two colours are from each other, squared. */
const FARTHEST = 3 * 255 ** 2;

/** For each pixel whether it is meant: 1 or 0. `rgba` has four bytes a pixel, row by row. */
export function flooded(rgba: Uint8ClampedArray, { width, height }: Size, at: Point, flood: Flood): Uint8Array {
  const [x, y] = [inside(at.x, width), inside(at.y, height)];
  const seed = 4 * (y * width + x);
  const [red, green, blue] = [rgba[seed]!, rgba[seed + 1]!, rgba[seed + 2]!];
  const most = flood.tolerance ** 2 * FARTHEST;
  const alike = (pixel: number) => {
    const place = 4 * pixel;
    return (rgba[place]! - red) ** 2 + (rgba[place + 1]! - green) ** 2 + (rgba[place + 2]! - blue) ** 2 <= most;
  };
  const found = new Uint8Array(width * height);
  if (flood.everywhere) for (let pixel = 0; pixel < found.length; pixel++) found[pixel] = alike(pixel) ? 1 : 0;
  else spread(found, width, height, y * width + x, alike);
  return grown(found, width, height);
}

/** Fills line by line from one pixel: each line is looked at once from above and once from below. */
function spread(found: Uint8Array, width: number, height: number, from: number, alike: (pixel: number) => boolean): void {
  const open = [from];
  for (let pixel = open.pop(); pixel !== undefined; pixel = open.pop()) {
    if (found[pixel]) continue;
    const line = pixel - (pixel % width);
    let [left, right] = [pixel, pixel];
    while (left > line && !found[left - 1] && alike(left - 1)) left--;
    while (right < line + width - 1 && !found[right + 1] && alike(right + 1)) right++;
    found.fill(1, left, right + 1);
    for (const next of [line - width, line + width]) {
      if (next < 0 || next >= width * height) continue;
      let before = false;
      for (let each = left - line + next; each <= right - line + next; each++) {
        const here = !found[each] && alike(each);
        if (here && !before) open.push(each);
        before = here;
      }
    }
  }
}

/** A pixel wider on each side: the edges of things are of both colours. */
function grown(found: Uint8Array, width: number, height: number): Uint8Array {
  const wider = found.slice();
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!found[at]) continue;
      if (x > 0) wider[at - 1] = 1;
      if (x < width - 1) wider[at + 1] = 1;
      if (y > 0) wider[at - width] = 1;
      if (y < height - 1) wider[at + width] = 1;
    }
  }
  return wider;
}

function inside(at: number, size: number): number {
  return Math.min(size - 1, Math.max(0, Math.floor(at)));
}
