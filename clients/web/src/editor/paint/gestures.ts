/** What fingers, a pen or a mouse mean: a stroke, or moving the picture. Knows nothing of the page. */
import { distance, type Point } from "../view";

export interface Touch extends Point {
  id: number;
  type: string;
  /** Milliseconds. */
  time: number;
}

export interface Meaning {
  begin(at: Touch): void;
  /** The stroke goes on; also asked for each point that came between two frames. */
  paint(at: Touch): void;
  end(): void;
  /** The stroke was none. */
  discard(): void;
  pinch(before: readonly [Point, Point], now: readonly [Point, Point]): void;
  pan(by: Point): void;
}

/** A stroke that is younger and shorter than this was the first finger of a pinch; */
const YOUNG = 350;
const SHORT = 32;

/** and so was a finger that waited for the second one without moving, however long. */
const STILL = 8;

type State =
  | { doing: "nothing" }
  | { doing: "stroke"; id: number; type: string; from: Touch; longest: number }
  | { doing: "pan"; id: number; at: Point }
  | { doing: "pinch"; ids: [number, number] }
  /** A finger is left of a pinch: it paints nothing until it was lifted. */
  | { doing: "rest" };

export class Gestures {
  readonly #at = new Map<number, Point>();
  #state: State = { doing: "nothing" };

  constructor(private readonly meaning: Meaning) {}

  /** Whether this pointer is drawing a stroke. */
  strokes(id: number): boolean {
    return this.#state.doing === "stroke" && this.#state.id === id;
  }

  /** `moves`: this pointer is to move the picture instead of painting. */
  down(touch: Touch, moves = false): void {
    const state = this.#state;
    if (state.doing === "stroke") {
      const young = touch.time - state.from.time < YOUNG;
      const begun = state.longest < (young ? SHORT : STILL);
      // A palm beside a pen, or a second finger late in a stroke, is no pinch.
      if (!begun || state.type !== "touch" || touch.type !== "touch") return;
      this.meaning.discard();
    } else if (state.doing === "pinch") {
      return;
    }
    this.#at.set(touch.id, point(touch));
    const ids = [...this.#at.keys()];
    if (ids.length === 2) this.#state = { doing: "pinch", ids: [ids[0]!, ids[1]!] };
    else if (state.doing === "rest") return;
    else if (moves) this.#state = { doing: "pan", id: touch.id, at: point(touch) };
    else {
      this.#state = { doing: "stroke", id: touch.id, type: touch.type, from: touch, longest: 0 };
      this.meaning.begin(touch);
    }
  }

  move(touch: Touch): void {
    if (!this.#at.has(touch.id)) return;
    const state = this.#state;
    if (state.doing === "stroke" && state.id === touch.id) {
      state.longest = Math.max(state.longest, distance(state.from, touch));
      this.meaning.paint(touch);
    } else if (state.doing === "pan" && state.id === touch.id) {
      this.meaning.pan({ x: touch.x - state.at.x, y: touch.y - state.at.y });
      state.at = point(touch);
    } else if (state.doing === "pinch" && state.ids.includes(touch.id)) {
      const before = this.#pair(state.ids);
      this.#at.set(touch.id, point(touch));
      this.meaning.pinch(before, this.#pair(state.ids));
    }
    this.#at.set(touch.id, point(touch));
  }

  /** `lost`: the system took the pointer away, for a gesture of its own. */
  up(id: number, lost = false): void {
    if (!this.#at.delete(id)) return;
    if (this.strokes(id)) {
      if (lost) this.meaning.discard();
      else this.meaning.end();
    }
    this.#state = this.#at.size ? { doing: "rest" } : { doing: "nothing" };
  }

  #pair(ids: [number, number]): [Point, Point] {
    return [this.#at.get(ids[0])!, this.#at.get(ids[1])!];
  }
}

function point({ x, y }: Point): Point {
  return { x, y };
}
