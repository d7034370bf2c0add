/** Places of a picture that have prompts of their own: boxes, in shares of its width and height. */
import type { JobRequest, Region } from "../../api/types";

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** What is drawn somewhere. What was painted as a mask elsewhere has no box. */
export interface Place {
  prompt: string;
  box: Box | null;
  mask: string | null;
  weight: number;
}

/** As many as the server takes. */
export const MOST_PLACES = 8;

/** The least share of a side that a box takes: what is smaller could not be tapped. */
export const LEAST = 0.05;

const DIGITS = 1000;

const round = (share: number) => Math.round(share * DIGITS) / DIGITS;

const within = (share: number, least: number, most: number) => Math.min(most, Math.max(least, share));

/** A box inside the picture that is as near as can be. */
export function inside({ left, top, width, height }: Box): Box {
  const [across, down] = [round(within(width, LEAST, 1)), round(within(height, LEAST, 1))];
  return {
    left: round(within(left, 0, 1 - across)),
    top: round(within(top, 0, 1 - down)),
    width: across,
    height: down,
  };
}

/** The box between two points, of which one may lie beyond an edge. */
export function between(from: Point, to: Point): Box {
  const [left, right] = ends(from.x, to.x);
  const [top, bottom] = ends(from.y, to.y);
  return inside({ left, top, width: right - left, height: bottom - top });
}

function ends(one: number, other: number): [number, number] {
  const [a, b] = [within(one, 0, 1), within(other, 0, 1)];
  return a < b ? [a, b] : [b, a];
}

/** A box moved by shares of the picture; it stops at the edges. */
export function moved(box: Box, x: number, y: number): Box {
  return inside({ ...box, left: box.left + x, top: box.top + y });
}

/** A box whose right and lower edge were moved; they stop at the picture's. */
export function resized(box: Box, x: number, y: number): Box {
  const width = within(box.width + x, LEAST, 1 - box.left);
  const height = within(box.height + y, LEAST, 1 - box.top);
  return inside({ ...box, width, height });
}

/** A box for one more place: beside those that there are, as long as there is room. */
export function nextBox(places: readonly Place[]): Box {
  const at = places.length;
  const [column, row] = [at % 2, Math.floor(at / 2) % 2];
  return { left: 0.05 + column * 0.5, top: 0.05 + row * 0.5, width: 0.4, height: 0.4 };
}

/** Places as a request has them. */
export function regionsOf(places: readonly Place[]): NonNullable<JobRequest["regions"]> {
  return places.map(({ prompt, box, mask, weight }) => ({
    prompt: prompt.trim(),
    weight,
    ...(box ? { box: { ...box } } : {}),
    ...(mask ? { mask } : {}),
  }));
}

/** Places of a request that was made before. */
export function placesOf(regions: readonly Region[] | undefined): Place[] {
  return (regions ?? []).map(({ prompt, box, mask, weight }) => ({
    prompt,
    box: box ? { left: box.left ?? 0, top: box.top ?? 0, width: box.width ?? 1, height: box.height ?? 1 } : null,
    mask: mask ?? null,
    weight: weight ?? 1,
  }));
}
