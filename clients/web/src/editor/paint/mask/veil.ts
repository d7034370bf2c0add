/** The red veil over what will be repainted, as large as the screen shows it and no larger. */
import { toStage, type Size, type View } from "../../view";
import { RED, type Ink } from "./colour";
import { draw, lay, type Mask } from "./mask";
import type { Piece } from "./strokes";

/** More than this many pixels of the screen for one of the page are not seen, but cost. */
const SHARPEST = 2;

/** Pixels of the page between two lines across it. */
const PITCH = 12;

export class Veil {
  readonly #context: CanvasRenderingContext2D;
  readonly #ratio: number;
  #ink: CanvasPattern | string;
  /** The view that is on the canvas. */
  #shown: View | null = null;
  readonly #stroke = document.createElement("canvas");

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly picture: Size,
  ) {
    this.#context = canvas.getContext("2d")!;
    this.#ratio = Math.min(SHARPEST, devicePixelRatio);
    this.#ink = ink(this.#context, Math.round(PITCH * this.#ratio), RED);
  }

  /** Takes another colour. */
  dip(colour: Ink): void {
    this.#ink = ink(this.#context, Math.round(PITCH * this.#ratio), colour);
  }

  /** Moves what is shown to where it lies in another view: far cheaper than showing it anew. */
  follow(view: View): void {
    if (!this.#shown) return;
    const { x, y, scale } = this.#shown;
    const times = view.scale / scale;
    this.canvas.style.transform = `translate(${view.x - times * x}px, ${view.y - times * y}px) scale(${times})`;
  }

  resize({ width, height }: Size): void {
    this.canvas.width = Math.round(width * this.#ratio);
    this.canvas.height = Math.round(height * this.#ratio);
  }

  /** Shows a mask as it is. */
  show(mask: Mask, view: View): void {
    this.#shown = view;
    this.canvas.style.transform = "";
    const context = this.#context;
    const { width, height } = this.canvas;
    const [x, y, across, down] = this.#frame(view);
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, width, height);
    context.drawImage(mask.soft, x, y, across, down);
    // Of what is painted lightly it would show more than there is.
    if (!mask.greys) context.drawImage(mask.canvas, x, y, across, down);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = this.#ink;
    context.fillRect(0, 0, width, height);
  }

  /** Adds what a finger is painting, or takes it away. */
  paint(pieces: readonly Piece[], view: View, how: GlobalCompositeOperation): void {
    const context = this.#context;
    context.save();
    context.beginPath();
    context.rect(...this.#frame(view));
    context.clip();
    context.globalCompositeOperation = how;
    context.fillStyle = this.#ink;
    context.strokeStyle = this.#ink;
    draw(context, pieces, this.#sharp(view));
    context.restore();
  }

  /** Lays all that a finger is painting over what `show` showed, as strongly as `level` says. */
  lay(pieces: readonly Piece[], view: View, level: number): void {
    this.#stroke.width = this.canvas.width;
    this.#stroke.height = this.canvas.height;
    const alone = this.#stroke.getContext("2d")!;
    alone.beginPath();
    alone.rect(...this.#frame(view));
    alone.clip();
    alone.fillStyle = alone.strokeStyle = this.#ink;
    draw(alone, pieces, this.#sharp(view));
    lay(this.#context, this.#stroke, level);
  }

  /** Where the picture lies, in pixels of the screen. */
  #frame(view: View): [number, number, number, number] {
    const sharp = this.#sharp(view);
    const start = toStage(sharp, { x: 0, y: 0 });
    return [start.x, start.y, this.picture.width * sharp.scale, this.picture.height * sharp.scale];
  }

  #sharp({ x, y, scale }: View): View {
    return { x: x * this.#ratio, y: y * this.#ratio, scale: scale * this.#ratio };
  }
}

function ink(context: CanvasRenderingContext2D, pitch: number, { full, line }: Ink): CanvasPattern | string {
  const tile = document.createElement("canvas");
  tile.width = tile.height = pitch;
  const pen = tile.getContext("2d")!;
  pen.fillStyle = full;
  pen.fillRect(0, 0, pitch, pitch);
  pen.strokeStyle = line;
  pen.lineWidth = pitch / 8;
  for (const start of [-pitch, 0, pitch]) {
    pen.moveTo(start - 1, pitch + 1);
    pen.lineTo(start + pitch + 1, -1);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat") ?? full;
}
