/** What will be repainted, at the picture's own size, and how it is drawn there and on the screen. */
import type { Size, View } from "../../view";
import { flooded, type Flood } from "./flood";
import { lay as layRuns, type Runs } from "./runs";
import { weights } from "./soften";
import { pieces, visible, type Dab, type History, type Piece, type Stroke } from "./strokes";

/** The longest side that soft edges are worked out at: in between they are smooth anyway. */
const FINE = 512;

/** What is nearer than this to black or white is that: as the server takes it. */
const NEARLY = 8;

/** Strokes are drawn on the picture itself at this view. */
const ITSELF: View = { scale: 1, x: 0, y: 0 };

export class Mask {
  /** As opaque as the picture is repainted; inverted already where the user inverts. */
  readonly canvas: HTMLCanvasElement;
  /** What is seen of the repainted picture: the same with soft edges, in fewer pixels. */
  readonly soft: HTMLCanvasElement;
  /** How much of the picture is repainted, 0 to 1. */
  share = 0;
  /** Whether anything is painted less than wholly. */
  greys = false;
  #before: ImageData | null = null;
  #beforeGreys = false;
  /** The picture itself, for what goes by its colours. */
  #picture: ImageData | null = null;
  /** One stroke alone, to be laid on with its strength. */
  readonly #stroke: HTMLCanvasElement;

  constructor(private readonly size: Size) {
    this.canvas = sheet(size);
    this.#stroke = sheet(size);
    const scale = Math.min(1, FINE / Math.max(size.width, size.height));
    this.soft = sheet({
      width: Math.max(1, Math.round(size.width * scale)),
      height: Math.max(1, Math.round(size.height * scale)),
    });
  }

  /** Takes a mask that was painted before as what the strokes lie upon. */
  async load(png: Blob): Promise<void> {
    const bitmap = await createImageBitmap(png);
    const context = pen(sheet(this.size));
    context.drawImage(bitmap, 0, 0, this.size.width, this.size.height);
    bitmap.close();
    const pixels = context.getImageData(0, 0, this.size.width, this.size.height);
    for (let at = 0; at < pixels.data.length; at += 4) {
      const level = settled(pixels.data[at]!);
      pixels.data[at + 3] = level;
      this.#beforeGreys ||= level > 0 && level < 255;
    }
    this.#before = pixels;
  }

  /** Takes the picture in, for strokes that go by its colours. False where it may not be read. */
  async look(url: string): Promise<boolean> {
    try {
      const image = new Image();
      image.src = url;
      await image.decode();
      const context = pen(sheet(this.size));
      context.drawImage(image, 0, 0, this.size.width, this.size.height);
      this.#picture = context.getImageData(0, 0, this.size.width, this.size.height);
      return true;
    } catch {
      // Another server's picture may be shown and not read.
      return false;
    }
  }

  /** Draws everything anew. */
  render(history: History, invert: boolean): void {
    const context = pen(this.canvas);
    const { cleared, strokes } = visible(history.done);
    context.clearRect(0, 0, this.size.width, this.size.height);
    this.greys = this.#beforeGreys && !cleared;
    if (this.#before && !cleared) context.putImageData(this.#before, 0, 0);
    for (const stroke of strokes) this.add(stroke, false);
    if (invert) {
      context.globalCompositeOperation = "xor";
      context.fillRect(0, 0, this.size.width, this.size.height);
    }
  }

  /** Draws one stroke more. */
  add(stroke: Stroke, invert: boolean): void {
    const context = pen(this.canvas);
    if (stroke.level < 1 && !stroke.erase) {
      this.greys = true;
      const alone = pen(this.#stroke);
      alone.clearRect(0, 0, this.size.width, this.size.height);
      this.#draw(alone, stroke);
      lay(context, this.#stroke, invert ? 1 - stroke.level : stroke.level);
      return;
    }
    context.globalCompositeOperation = operation(stroke.erase, invert);
    if (stroke.flood || stroke.chosen) {
      const alone = pen(this.#stroke);
      alone.clearRect(0, 0, this.size.width, this.size.height);
      this.#draw(alone, stroke);
      context.drawImage(this.#stroke, 0, 0);
    } else this.#draw(context, stroke);
    context.globalCompositeOperation = "source-over";
  }

  #draw(context: CanvasRenderingContext2D, { dabs, round, flood, chosen }: Stroke): void {
    if (chosen) this.#put(context, chosen);
    else if (flood) this.#flood(context, dabs[0]!, flood);
    else if (round) enclose(context, dabs, ITSELF);
    else draw(context, pieces(dabs), ITSELF);
  }

  #flood(context: CanvasRenderingContext2D, at: Dab, flood: Flood): void {
    if (!this.#picture) return;
    const found = flooded(this.#picture.data, this.size, at, flood);
    const pixels = context.createImageData(this.size.width, this.size.height);
    for (let pixel = 0; pixel < found.length; pixel++) pixels.data[4 * pixel + 3] = found[pixel]! * 255;
    context.putImageData(pixels, 0, 0);
  }

  #put(context: CanvasRenderingContext2D, chosen: Runs): void {
    const pixels = context.createImageData(this.size.width, this.size.height);
    layRuns(chosen, pixels.data);
    context.putImageData(pixels, 0, 0);
  }

  /** Works the soft edges out, and the share. */
  soften(feather: number): void {
    const { width, height } = this.soft;
    const context = pen(this.soft);
    context.clearRect(0, 0, width, height);
    context.drawImage(this.canvas, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height);
    const alpha = new Uint8ClampedArray(width * height);
    let sum = 0;
    for (let at = 0; at < alpha.length; at++) {
      alpha[at] = pixels.data[4 * at + 3]!;
      sum += alpha[at]!;
    }
    this.share = sum / (255 * alpha.length);
    const seen = weights(alpha, width, height, (feather * width) / this.size.width);
    for (let at = 0; at < seen.length; at++) pixels.data[4 * at + 3] = seen[at]!;
    context.putImageData(pixels, 0, 0);
  }

  /** The mask as it is sent, white and black and what is painted between; null where nothing would be repainted. */
  async png(invert: boolean): Promise<Blob | null> {
    const pixels = pen(this.canvas).getImageData(0, 0, this.size.width, this.size.height);
    const { data } = pixels;
    let any = false;
    for (let at = 0; at < data.length; at += 4) {
      // Where no grey is meant, that of a stroke's edge is none.
      const level = this.greys ? settled(data[at + 3]!) : data[at + 3]! >= 128 ? 255 : 0;
      any ||= level > 0;
      data[at] = data[at + 1] = data[at + 2] = invert ? 255 - level : level;
      data[at + 3] = 255;
    }
    if (!any) return null;
    const paper = sheet(this.size);
    pen(paper).putImageData(pixels, 0, 0);
    return new Promise((resolve) => paper.toBlob(resolve, "image/png"));
  }
}

function settled(level: number): number {
  return level <= NEARLY ? 0 : level >= 255 - NEARLY ? 255 : level;
}

/** Lays a stroke on: what it covers is as opaque as `level` says, whatever was there before. */
export function lay(context: CanvasRenderingContext2D, stroke: HTMLCanvasElement, level: number): void {
  context.globalCompositeOperation = "destination-out";
  context.drawImage(stroke, 0, 0);
  context.globalCompositeOperation = "lighter";
  context.globalAlpha = level;
  context.drawImage(stroke, 0, 0);
  context.globalAlpha = 1;
  context.globalCompositeOperation = "source-over";
}

/** Whether a stroke adds to what will be repainted or takes away from it. */
export function operation(erase: boolean, invert: boolean): GlobalCompositeOperation {
  return erase === invert ? "source-over" : "destination-out";
}

/** Draws pieces of a stroke in the context's own colour. */
export function draw(context: CanvasRenderingContext2D, all: readonly Piece[], view: View): void {
  context.lineCap = "round";
  const across = (x: number) => view.x + x * view.scale;
  const down = (y: number) => view.y + y * view.scale;
  for (const { from, by, to, width } of all) {
    context.beginPath();
    if (from.x === to.x && from.y === to.y) {
      // A line without length: some browsers would leave it out.
      context.arc(across(to.x), down(to.y), (width / 2) * view.scale, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    context.lineWidth = width * view.scale;
    context.moveTo(across(from.x), down(from.y));
    context.quadraticCurveTo(across(by.x), down(by.y), across(to.x), down(to.y));
    context.stroke();
  }
}

/** Fills what a line goes round. */
export function enclose(context: CanvasRenderingContext2D, dabs: readonly Dab[], view: View): void {
  context.beginPath();
  for (const { x, y } of dabs) context.lineTo(view.x + x * view.scale, view.y + y * view.scale);
  context.closePath();
  context.fill();
}

function sheet({ width, height }: Size): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** In memory instead of on the graphics card: its pixels are read after every stroke. */
function pen(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.globalCompositeOperation = "source-over";
  return context;
}
