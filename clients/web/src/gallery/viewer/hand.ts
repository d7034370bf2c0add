/** What fingers do to a picture that fills the screen: turn to the next, close, enlarge, move. */

export interface Shown {
  scale: number;
  x: number;
  y: number;
}

export const WHOLE: Shown = { scale: 1, x: 0, y: 0 };

export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** Times that a picture can be enlarged, and by a double tap. */
const [MOST, TAPPED] = [8, 2.5];

/** Enlarged by `factor`, with what is under the point `at` (from the middle) staying there. */
export function zoomed(shown: Shown, factor: number, at: Point): Shown {
  const scale = Math.min(MOST, Math.max(1, shown.scale * factor));
  const grown = scale / shown.scale;
  return { scale, x: at.x - (at.x - shown.x) * grown, y: at.y - (at.y - shown.y) * grown };
}

export function toggled(shown: Shown, at: Point): Shown {
  return shown.scale > 1 ? WHOLE : zoomed(shown, TAPPED, at);
}

/** Moved no further than its edges. */
export function within(shown: Shown, picture: Size, stage: Size): Shown {
  const reach = (length: number, room: number) => Math.max(0, (length * shown.scale - room) / 2);
  const clamp = (value: number, most: number) => Math.min(most, Math.max(-most, value)) || 0;
  return {
    scale: shown.scale,
    x: clamp(shown.x, reach(picture.width, stage.width)),
    y: clamp(shown.y, reach(picture.height, stage.height)),
  };
}

export type Way = "turn" | "close" | null;

/** Pixels that a finger may tremble. */
export const TREMBLE = 8;

/** What a finger is about to do that has gone this far on a picture that is not enlarged. */
export function wayOf(moved: Point): Way {
  if (Math.hypot(moved.x, moved.y) < TREMBLE) return null;
  if (Math.abs(moved.x) >= Math.abs(moved.y)) return "turn";
  return moved.y > 0 ? "close" : null;
}

/** Whether a finger that let go meant it: it went far, or it was quick (pixels a millisecond). */
export function meant(distance: number, speed: number, room: number): boolean {
  if (Math.sign(distance) !== Math.sign(speed) && Math.abs(speed) > 0.2) return false;
  return Math.abs(distance) > room / 4 || (Math.abs(distance) > 24 && Math.abs(speed) > 0.35);
}
