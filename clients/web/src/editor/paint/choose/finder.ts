/** Finding what words or taps mean, by a model of the server, and painting it as one stroke. */
import { computed, signal } from "@preact/signals";
import { findMask, type MaskPoint, type Meant } from "../../../api/masks";
import type { Input } from "../../../state/form/input";
import type { Point } from "../../view";
import { runsOf } from "../mask/runs";
import { instead, type Step, type Stroke } from "../mask/strokes";
import type { Painter } from "../painter";
import { greysOf, sendable } from "./greys";

/** What is done now, or came of it; `said` is the words that are looked for. */
export type Doing =
  | { is: "nothing" }
  | { is: "looking" | "none"; said: string }
  | { is: "failed"; why: unknown };

/** What of a painter finding changes. */
export type Painted = Pick<Painter, "history" | "level" | "change">;

/** What a browser does with the pixels of pictures and masks. */
export interface Pixels {
  sendable: typeof sendable;
  greysOf: typeof greysOf;
}

export class Finder {
  readonly doing = signal<Doing>({ is: "nothing" });
  /** How sure the model must be of a place, 0 to 1; the server says what is usual. */
  readonly least = signal(0.4);
  /** Whether what was found last can be told what it is not: nothing was painted since. */
  readonly refines = computed(() => {
    const stroke = this.#stroke.value;
    return stroke !== null && this.#points.length > 0 && this.painter.history.value.done.at(-1) === stroke;
  });
  /** Whether it may count for more or for less: nothing was done since. */
  readonly tunes = computed(() => this.#last.value !== null && this.#last.value.step === this.painter.history.value.done.at(-1));
  readonly #stroke = signal<Stroke | null>(null);
  /** What was done last when something had been looked for. */
  readonly #last = signal<{ step: Step | undefined } | null>(null);
  readonly #gone = new AbortController();
  #points: readonly MaskPoint[] = [];
  #greys: Uint8Array | null = null;
  #said = "";
  #sent: Promise<Blob | string> | null = null;
  #turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly painter: Painted,
    private readonly input: Input,
    private readonly pixels: Pixels = { sendable, greysOf },
  ) {}

  /** Paints what the words say. */
  words(said: string): Promise<void> {
    return this.#next(() => {
      this.#points = [];
      return this.#look({ words: said }, null, said);
    });
  }

  /** Paints what stands there; or takes it from what stood where it was tapped before. */
  tap({ x, y }: Point, positive: boolean): Promise<void> {
    return this.#next(() => {
      const { width, height } = this.input;
      const point = { x: share(x, width), y: share(y, height), positive };
      const refines = !positive && this.refines.peek();
      if (!positive && !refines) return Promise.resolve();
      this.#points = refines ? [...this.#points, point] : [point];
      return this.#look({ points: this.#points }, refines ? this.#stroke.peek() : null, "");
    });
  }

  /** Has more of what was found last count, or less. */
  setLeast(least: number): void {
    if (!this.#greys || !this.tunes.peek()) return;
    this.least.value = least;
    this.#paint(this.#stroke.peek(), this.#greys, this.#said);
  }

  /** Nobody waits any more. */
  close(): void {
    this.#gone.abort();
  }

  /** One look after the other: each may be of what the one before has found. */
  #next(look: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(() => (this.#gone.signal.aborted ? undefined : look()));
    return this.#turn;
  }

  async #look(meant: Meant, before: Stroke | null, said: string): Promise<void> {
    this.doing.value = { is: "looking", said };
    const { signal } = this.#gone;
    try {
      this.#sent ??= this.pixels.sendable(this.input);
      const found = await findMask(await this.#sent, meant, signal);
      const greys = await this.pixels.greysOf(found.mask, this.input);
      if (signal.aborted) return;
      this.least.value = found.threshold;
      this.#greys = greys;
      this.#said = said;
      this.#paint(before, greys, said);
    } catch (why) {
      this.#sent = null;
      if (!signal.aborted) this.doing.value = { is: "failed", why };
    }
  }

  #paint(before: Stroke | null, greys: Uint8Array, said: string): void {
    const chosen = runsOf(greys, Math.max(1, Math.round(this.least.peek() * 255)));
    const level = this.painter.level.peek();
    const stroke: Stroke | null = chosen && { erase: false, level, dabs: [], chosen };
    this.painter.change(instead(this.painter.history.peek(), before, stroke));
    this.#stroke.value = stroke;
    this.#last.value = { step: this.painter.history.peek().done.at(-1) };
    this.doing.value = stroke ? { is: "nothing" } : { is: "none", said };
  }
}

function share(at: number, size: number): number {
  return Math.min(1, Math.max(0, at / size));
}
