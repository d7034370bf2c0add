/** The keyboard in the painting editor. */
import type { Painter } from "./painter";
import { ZOOM } from "./tool";

const ARROWS: Record<string, { x: number; y: number }> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** Pixels of the page that an arrow key moves the brush by, and with Shift. */
const STEP = 8;
const LEAP = 40;

/** Undo and redo, wherever in the editor the focus is. */
export function onKey(painter: Painter, event: KeyboardEvent): void {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "z") event.shiftKey ? painter.redo() : painter.undo();
  else if (key === "y") painter.redo();
  else return;
  event.preventDefault();
}

/** Keys while the stage has the focus; `drawing` is whether space is held down. */
export function onStageKey(painter: Painter, event: KeyboardEvent, drawing: boolean): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  const way = event.shiftKey ? LEAP : STEP;
  if (arrow) painter.step({ x: arrow.x * way, y: arrow.y * way }, drawing);
  else if (!SHORTCUTS[event.key.toLowerCase()]?.(painter)) return;
  event.preventDefault();
}

const SHORTCUTS: Record<string, (painter: Painter) => true> = {
  b: (painter) => ((painter.tool.value = "brush"), true),
  e: (painter) => ((painter.tool.value = "eraser"), true),
  l: (painter) => ((painter.tool.value = "lasso"), true),
  f: (painter) => ((painter.tool.value = "fill"), true),
  p: (painter) => ((painter.tool.value = "eyedropper"), true),
  h: (painter) => ((painter.tool.value = "hand"), true),
  i: (painter) => (painter.setInvert(!painter.invert.peek()), true),
  "[": (painter) => (painter.setSize(painter.size.peek() - 4), true),
  "]": (painter) => (painter.setSize(painter.size.peek() + 4), true),
  "+": (painter) => (painter.zoom(ZOOM), true),
  "=": (painter) => (painter.zoom(ZOOM), true),
  "-": (painter) => (painter.zoom(1 / ZOOM), true),
  "0": (painter) => (painter.whole(), true),
};
