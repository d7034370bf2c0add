/** Where the picture lies on the stage: all geometry of zoom and pan, in pixels of the screen. */

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

/** A point of the picture is on the stage at `x + scale * its x`, and so for y. */
export interface View extends Point {
  scale: number;
}

/** Pixels of the stage round a picture that is seen whole. */
const MARGIN = 16;

/** How large one pixel of the picture may become, and how much closer than whole at least. */
const LARGEST = 8;
const CLOSER = 8;

export function middle({ width, height }: Size): Point {
  return { x: width / 2, y: height / 2 };
}

/** The point of a picture that is nearest. */
export function within(at: Point, { width, height }: Size): Point {
  return { x: Math.min(width, Math.max(0, at.x)), y: Math.min(height, Math.max(0, at.y)) };
}

/** The view that shows the whole picture in the middle of the stage. */
export function fit(picture: Size, stage: Size, margin = MARGIN): View {
  const across = Math.max(1, stage.width - 2 * margin) / picture.width;
  const down = Math.max(1, stage.height - 2 * margin) / picture.height;
  return centred(picture, stage, Math.min(across, down));
}

export function toPicture(view: View, at: Point): Point {
  return { x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale };
}

export function toStage(view: View, at: Point): Point {
  return { x: view.x + at.x * view.scale, y: view.y + at.y * view.scale };
}

/** Zooms by a factor; what is under `at` stays there. */
export function zoomed(view: View, factor: number, at: Point): View {
  return {
    scale: view.scale * factor,
    x: at.x - (at.x - view.x) * factor,
    y: at.y - (at.y - view.y) * factor,
  };
}

export function panned(view: View, by: Point): View {
  return { ...view, x: view.x + by.x, y: view.y + by.y };
}

/** Follows two fingers: what was between them stays between them. */
export function pinched(view: View, before: readonly [Point, Point], now: readonly [Point, Point]): View {
  const [old, middle] = [between(...before), between(...now)];
  const factor = distance(...now) / Math.max(1, distance(...before));
  return panned(zoomed(view, factor, old), { x: middle.x - old.x, y: middle.y - old.y });
}

/** The nearest view that keeps the picture in sight, neither lost nor a single pixel. */
export function held(view: View, picture: Size, stage: Size): View {
  const whole = fit(picture, stage).scale;
  const scale = Math.min(Math.max(view.scale, whole), Math.max(LARGEST, whole * CLOSER));
  if (scale === whole) return centred(picture, stage, whole);
  const middle = { x: stage.width / 2, y: stage.height / 2 };
  const { x, y } = zoomed(view, scale / view.scale, middle);
  // The middle of the stage is always over the picture.
  return {
    scale,
    x: Math.min(middle.x, Math.max(middle.x - picture.width * scale, x)),
    y: Math.min(middle.y, Math.max(middle.y - picture.height * scale, y)),
  };
}

/** The view moved just so far that a point of the picture is well inside the stage. */
export function revealing(view: View, at: Point, stage: Size): View {
  const seen = toStage(view, at);
  const edge = Math.min(48, stage.width / 4, stage.height / 4);
  return panned(view, {
    x: Math.min(Math.max(seen.x, edge), stage.width - edge) - seen.x,
    y: Math.min(Math.max(seen.y, edge), stage.height - edge) - seen.y,
  });
}

export function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function between(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

function centred(picture: Size, stage: Size, scale: number): View {
  return {
    scale,
    x: (stage.width - picture.width * scale) / 2,
    y: (stage.height - picture.height * scale) / 2,
  };
}
