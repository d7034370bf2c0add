/** What was painted, as points instead of pixels: undo is exact, and a long session stays small. */
import { distance, type Point } from "../../view";
import type { Flood } from "./flood";
import type { Runs } from "./runs";

/** A point of the picture with the brush's radius there, in the picture's pixels. */
export interface Dab extends Point {
  radius: number;
}

export interface Stroke {
  readonly erase: boolean;
  /** How strongly it was painted, to 1. */
  readonly level: number;
  readonly dabs: readonly Dab[];
  /** Whether it goes round an area that is meant as a whole. */
  readonly round?: boolean;
  /** Where it means all that has the colour of its first dab. */
  readonly flood?: Flood;
  /** Where it means places that were found otherwise; it has no dabs then. */
  readonly chosen?: Runs;
}

/** `invert` is that the rest is repainted instead. */
export type Step = Stroke | "clear" | "invert";

/** What was done, and what was taken back of it, each oldest first. */
export interface History {
  readonly done: readonly Step[];
  readonly undone: readonly Step[];
}

export const NOTHING: History = { done: [], undone: [] };

export function added(history: History, step: Step): History {
  return { done: [...history.done, step], undone: [] };
}

export function undone(history: History): History {
  const last = history.done.at(-1);
  if (!last) return history;
  return { done: history.done.slice(0, -1), undone: [...history.undone, last] };
}

export function redone(history: History): History {
  const next = history.undone.at(-1);
  if (!next) return history;
  return { done: [...history.done, next], undone: history.undone.slice(0, -1) };
}

/** The history with a step, or none, in the place of one from before, where that was the last. */
export function instead(history: History, before: Step | null, step: Step | null): History {
  const rest = before && history.done.at(-1) === before ? undone(history) : history;
  return step ? added(rest, step) : rest;
}

/** The steps that still show: a "clear" covers all before it. */
export function visible(steps: readonly Step[]): { cleared: boolean; strokes: readonly Stroke[] } {
  const last = steps.lastIndexOf("clear");
  const strokes = steps.slice(last + 1).filter((each): each is Stroke => typeof each !== "string");
  return { cleared: last >= 0, strokes };
}

/** Whether what is not painted is repainted. A "clear" leaves nothing to repaint, so not after one. */
export function inverted(steps: readonly Step[], before: boolean): boolean {
  return steps.reduce((now, step) => (step === "clear" ? false : step === "invert" ? !now : now), before);
}

/** One curve of a stroke, to be drawn with round ends. */
export interface Piece {
  from: Point;
  /** What the curve bends towards. */
  by: Point;
  to: Point;
  width: number;
}

/**
 * The curve that each dab adds, from the middle before it to the middle after it: corners between
 * the few points that a fast finger leaves become round. Begins with the dab at `start`, so that a
 * stroke can be drawn while it grows; `ended` adds the way to the last dab.
 */
export function pieces(dabs: readonly Dab[], start = 0, ended = true): Piece[] {
  const result: Piece[] = [];
  for (let at = Math.max(1, start); at < dabs.length; at++) {
    const [before, dab] = [dabs[at - 1]!, dabs[at]!];
    const from = at === 1 ? before : middle(dabs[at - 2]!, before);
    result.push({ from, by: before, to: middle(before, dab), width: before.radius + dab.radius });
  }
  const last = dabs.at(-1);
  if (ended && last) {
    const from = dabs.length > 1 ? middle(dabs.at(-2)!, last) : last;
    result.push({ from, by: last, to: last, width: last.radius * 2 });
  }
  return result;
}

/** Whether a dab is far enough from the last one to be worth keeping. */
export function worthKeeping(dabs: readonly Dab[], next: Dab, least: number): boolean {
  const last = dabs.at(-1);
  return !last || distance(last, next) >= least || Math.abs(last.radius - next.radius) > last.radius / 8;
}

/** How much of the brush's radius a pen's pressure leaves; a finger or a mouse has all of it. */
export function pressed(pointerType: string, pressure: number): number {
  return pointerType === "pen" && pressure > 0 ? 0.35 + 0.65 * pressure : 1;
}

function middle(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
