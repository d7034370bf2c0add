/** Sizes of a picture that grows at its edges, within what the model and the server allow. */
import type { Edges } from "../../state/form/input";
import type { Size } from "../view";

export type Side = keyof Edges;

export const SIDES: readonly Side[] = ["left", "top", "right", "bottom"];

/** What is dragged: one side, or two at a corner. */
export type Handle = Side | `${"top" | "bottom"}-${"left" | "right"}`;

export const HANDLES: readonly Handle[] = [
  ...SIDES,
  "top-left",
  "top-right",
  "bottom-left",
  "bottom-right",
];

export interface Limits {
  width: number;
  height: number;
  pixels: number;
  /** What both sides of the finished picture are multiples of. */
  factor: number;
}

export function sidesOf(handle: Handle): Side[] {
  return handle.split("-") as Side[];
}

export function grown(picture: Size, edges: Edges): Size {
  return {
    width: picture.width + edges.left + edges.right,
    height: picture.height + edges.top + edges.bottom,
  };
}

/** The most that a side can add while the others stay. */
export function most(picture: Size, edges: Edges, side: Side, limits: Limits): number {
  const now = grown(picture, edges);
  const across = side === "left" || side === "right";
  const [length, other] = across ? [now.width, now.height] : [now.height, now.width];
  const longest = Math.min(across ? limits.width : limits.height, Math.floor(limits.pixels / other));
  const rest = length - edges[side];
  const room = Math.floor(longest / limits.factor) * limits.factor - rest;
  return Math.max(0, room);
}

/**
 * The edges with one side at about `pixels`: as near as a whole multiple of the model's factor
 * comes, and never beyond a limit.
 */
export function withSide(picture: Size, edges: Edges, side: Side, pixels: number, limits: Limits): Edges {
  if (!(pixels > 0)) return { ...edges, [side]: 0 };
  const free = { ...edges, [side]: 0 };
  const now = grown(picture, free);
  const rest = side === "left" || side === "right" ? now.width : now.height;
  const multiple = Math.round((rest + pixels) / limits.factor) * limits.factor;
  const value = Math.min(multiple - rest, most(picture, free, side, limits));
  return { ...edges, [side]: Math.max(0, value) };
}

/** The edges after a handle was dragged by so many pixels of the picture from where it was. */
export function dragged(
  picture: Size,
  from: Edges,
  handle: Handle,
  by: { x: number; y: number },
  limits: Limits,
): Edges {
  const outward = { left: -by.x, right: by.x, top: -by.y, bottom: by.y };
  return sidesOf(handle).reduce(
    (edges, side) => withSide(picture, edges, side, from[side] + outward[side], limits),
    from,
  );
}

export function adds(edges: Edges): boolean {
  return SIDES.some((side) => edges[side] > 0);
}
