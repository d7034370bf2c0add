/** Painting a mask: joins fingers, strokes, the mask and the screen. */
import { computed, effect, signal } from "@preact/signals";
import type { Input, MaskGrey } from "../../state/form/input";
import * as views from "../view";
import type { Point, Size, View } from "../view";
import { inkOf, RED } from "./mask/colour";
import { Gestures, type Touch } from "./gestures";
import { Mask, operation } from "./mask/mask";
import { meant } from "./meant";
import { added, inverted, NOTHING, pieces, pressed, redone, undone, worthKeeping } from "./mask/strokes";
import type { Dab, History } from "./mask/strokes";
import { keep, unfinished } from "./unfinished";
import { AT_ONCE, LARGEST, MOVES, SMALLEST, type Tool } from "./tool";
import { Veil } from "./mask/veil";

/** Milliseconds for which the veil only moves with the picture, until it is drawn sharp again. */
const FOLLOWED = 120;

/** Pixels of the page that a line is wide which goes round something. */
const LINE = 3;

export class Painter {
  readonly tool = signal<Tool>("brush");
  readonly size = signal(40);
  readonly history = signal<History>(NOTHING);
  readonly invert = computed(() => inverted(this.history.value.done, this.input.invert));
  readonly feather = signal(0);
  /** How strongly the brush paints, to 1. */
  readonly level = signal(1);
  /** How far a colour may be from the one that was tapped, to 1. */
  readonly tolerance = signal(0.12);
  /** Whether the picture's own colours can be gone by. */
  readonly reads = signal(false);
  /** Whether anything is painted lightly, and what that means. */
  readonly greys = signal(false);
  readonly grey = signal<MaskGrey>("strength");
  readonly view = signal<View>({ scale: 1, x: 0, y: 0 });
  /** How many times larger it is shown than when all of it is seen. */
  readonly zoomed = signal(1);
  /** How much will be repainted, 0 to 1. */
  readonly share = signal(0);
  /** Where the brush is, in the picture's pixels; null while it is nowhere to be shown. */
  readonly cursor = signal<Point | null>(null);
  /** Where the keyboard left the brush, in the picture's pixels. */
  readonly told = signal<Point | null>(null);
  /** Where the picture was tapped, for what stands there to be chosen. */
  readonly tapped = signal<Point | null>(null);
  readonly gestures: Gestures;
  /** The colour of the veil. */
  ink = RED;

  readonly #mask: Mask;
  readonly #picture: Size;
  #veil: Veil | null = null;
  #stage: Size | null = null;
  #dabs: Dab[] = [];
  #pressure = 1;
  /** Frames that are asked for: to work out soft edges, and to show a view. */
  #frame = 0;
  #moved = 0;
  #following = 0;
  #kept: (() => void) | null = null;

  constructor(private readonly input: Input) {
    this.#picture = { width: input.width, height: input.height };
    this.#mask = new Mask(this.#picture);
    this.feather.value = input.feather;
    this.grey.value = input.grey ?? "strength";
    this.gestures = new Gestures({
      begin: (at) => {
        this.#dabs = [];
        this.#paint(at);
      },
      paint: (at) => this.#paint(at),
      end: () => this.#end(),
      discard: () => {
        this.#dabs = [];
        this.#show();
      },
      pinch: (before, now) => this.#see(views.pinched(this.view.peek(), before, now)),
      pan: (by) => this.#see(views.panned(this.view.peek(), by)),
    });
  }

  /** Whether anything is other than it was when the editor opened. */
  get changed(): boolean {
    const { done } = this.history.peek();
    const { invert, feather, grey } = this.input;
    const meant = this.greys.peek() && grey !== null && this.grey.peek() !== grey;
    return done.length > 0 || meant || this.invert.peek() !== invert || this.feather.peek() !== feather;
  }

  /** Begins to show the mask on a canvas. */
  async open(canvas: HTMLCanvasElement): Promise<void> {
    const veil = new Veil(canvas, this.#picture);
    this.#veil = veil;
    const [before] = await Promise.all([
      unfinished(this.input),
      this.input.mask && this.#mask.load(this.input.mask),
      inkOf(this.input.url).then((ink) => veil.dip((this.ink = ink))),
      this.#mask.look(this.input.url).then((may) => (this.reads.value = may)),
    ]);
    if (before && this.history.peek() === NOTHING) {
      this.history.value = { done: before.steps, undone: [] };
      this.feather.value = before.feather;
    }
    this.#again();
    this.#kept = effect(() => {
      const { done } = this.history.value;
      if (done.length) keep(this.input, done, this.feather.value);
    });
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    cancelAnimationFrame(this.#moved);
    clearTimeout(this.#following);
    this.#kept?.();
    this.#veil = null;
  }

  /** The stage has another size. */
  resize(stage: Size): void {
    const whole = !this.#stage || this.zoomed.peek() <= 1;
    this.#stage = stage;
    this.#veil?.resize(stage);
    this.#see(whole ? views.fit(this.#picture, stage) : this.view.peek());
    // It is empty now, and is not to flicker.
    this.#show();
  }

  /** This was done instead. */
  change(history: History): void {
    if (history === this.history.peek()) return;
    this.history.value = history;
    this.#again();
  }

  undo(): void {
    this.change(undone(this.history.peek()));
  }

  redo(): void {
    this.change(redone(this.history.peek()));
  }

  clear(): void {
    if (this.share.peek() > 0) this.change(added(this.history.peek(), "clear"));
  }

  setInvert(invert: boolean): void {
    if (invert !== this.invert.peek()) this.change(added(this.history.peek(), "invert"));
  }

  setFeather(feather: number): void {
    this.feather.value = feather;
    this.#later();
  }

  setSize(size: number): void {
    this.size.value = Math.min(LARGEST, Math.max(SMALLEST, size));
  }

  /** Zooms round a point of the stage, or its middle. */
  zoom(factor: number, at?: Point): void {
    this.#see(views.zoomed(this.view.peek(), factor, at ?? views.middle(this.#stage!)));
  }

  pan(by: Point): void {
    this.#see(views.panned(this.view.peek(), by));
  }

  whole(): void {
    this.#see(views.fit(this.#picture, this.#stage!));
  }

  /** A mouse or a pen is over this point of the stage, or no more over any. */
  hover(at: Point | null): void {
    this.cursor.value = at && views.toPicture(this.view.peek(), at);
  }

  /** Whether a stroke is under way. */
  get drawing(): boolean {
    return this.#dabs.length > 0;
  }

  /** The pressure of what comes next to `gestures`. */
  press(pointerType: string, pressure: number): void {
    this.#pressure = pressed(pointerType, pressure);
  }

  /** Moves the brush by pixels of the page, as the arrow keys do; `drawing` leaves a stroke. */
  step(by: Point, drawing: boolean): void {
    const { scale } = this.view.peek();
    const from = this.#at;
    const to = views.within({ x: from.x + by.x / scale, y: from.y + by.y / scale }, this.#picture);
    if (drawing && !MOVES.has(this.tool.peek())) {
      if (!this.#dabs.length) this.#dab(from);
      this.#dab(to);
    }
    this.cursor.value = this.told.value = to;
    this.#see(views.revealing(this.view.peek(), to, this.#stage!));
  }

  /** Ends the stroke that `step` leaves; without one, a dot is where the brush is. */
  lift(): void {
    if (MOVES.has(this.tool.peek())) return;
    if (!this.#dabs.length) this.#dab(this.#at);
    this.#end();
  }

  get #at(): Point {
    return this.cursor.peek() ?? views.middle(this.#picture);
  }

  /** The mask as it is sent; null where nothing would be repainted. */
  png(): Promise<Blob | null> {
    return this.#mask.png(this.invert.peek());
  }

  #paint(at: Touch): void {
    this.#dab(views.toPicture(this.view.peek(), at), this.#pressure);
  }

  #dab(at: Point, pressure = 1): void {
    const { scale } = this.view.peek();
    const { erase, level, round } = this.#meant;
    const atOnce = AT_ONCE.has(this.tool.peek());
    if (atOnce && this.#dabs.length) return;
    const width = round ? LINE : this.size.peek();
    const dab = { ...at, radius: (width / 2 / scale) * pressure };
    if (!worthKeeping(this.#dabs, dab, 1 / scale)) return;
    this.#dabs.push(dab);
    if (atOnce) return;
    const fresh = this.#dabs.length - 1;
    if (level < 1) {
      this.#moved ||= requestAnimationFrame(() => this.#show());
      return;
    }
    const drawn = pieces(this.#dabs, fresh, fresh === 0);
    this.#veil?.paint(drawn, this.view.peek(), operation(erase, this.invert.peek()));
  }

  #end(): void {
    const stroke = { ...this.#meant, dabs: this.#dabs };
    this.#dabs = [];
    if (this.tool.peek() === "tap") {
      this.tapped.value = stroke.dabs[0]!;
      return;
    }
    this.#mask.add(stroke, this.invert.peek());
    this.history.value = added(this.history.peek(), stroke);
    this.#later();
  }

  get #meant() {
    return meant(this.tool.peek(), this.level.peek(), this.tolerance.peek());
  }

  #again(): void {
    this.#mask.render(this.history.peek(), this.invert.peek());
    this.#later();
  }

  #see(view: View): void {
    this.view.value = views.held(view, this.#picture, this.#stage!);
    this.zoomed.value = this.view.value.scale / views.fit(this.#picture, this.#stage!).scale;
    // A stroke that is under way belongs where the finger is.
    if (this.#dabs.length) {
      this.#moved ||= requestAnimationFrame(() => this.#show());
      return;
    }
    this.#veil?.follow(this.view.value);
    this.#following ||= window.setTimeout(() => this.#show(), FOLLOWED);
  }

  /** Soft edges are worked out once a frame, and not while a stroke is under way. */
  #later(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      this.#mask.soften(this.feather.peek());
      this.share.value = this.#mask.share;
      this.greys.value = this.#mask.greys;
      this.#show();
    });
  }

  #show(): void {
    cancelAnimationFrame(this.#moved);
    clearTimeout(this.#following);
    this.#moved = this.#following = 0;
    this.#veil?.show(this.#mask, this.view.peek());
    const { erase, level } = this.#meant;
    if (!this.#dabs.length || AT_ONCE.has(this.tool.peek())) return;
    const [drawn, view, invert] = [pieces(this.#dabs), this.view.peek(), this.invert.peek()];
    if (level < 1) this.#veil?.lay(drawn, view, invert ? 1 - level : level);
    else this.#veil?.paint(drawn, view, operation(erase, invert));
  }
}
