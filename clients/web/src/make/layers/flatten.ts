/** What a canvas shows, as one picture. */
import { pixels } from "../../api/images";
import { bounds, foreign, type Box, type Canvas, type Layer } from "../../state/form/layers";

export interface Flat extends Box {
  picture: Blob;
  /** White where nothing is shown; null where there is no such place. */
  holes: Blob | null;
}

/** Draws what is shown, each layer's own part over those below it. Null where nothing is. */
export async function flatten({ layers }: Canvas): Promise<Flat | null> {
  const box = bounds(layers);
  if (!box) return null;
  const [canvas, pen] = sheet(box);
  for (const layer of layers) {
    if (layer.hidden) continue;
    pen.drawImage(await own(layer), layer.x - box.x, layer.y - box.y);
  }
  const holes = holesOf(pen, box);
  return { ...box, picture: await png(canvas), holes: holes && (await png(holes)) };
}

/** A layer without what was there before its step. */
async function own(layer: Layer): Promise<HTMLCanvasElement> {
  const [canvas, pen] = sheet(layer);
  const { picture } = layer;
  const bitmap = await createImageBitmap(typeof picture === "string" ? await pixels(picture) : picture);
  pen.drawImage(bitmap, 0, 0, layer.width, layer.height);
  bitmap.close();
  const gone = foreign(layer);
  if (gone) pen.clearRect(gone.x, gone.y, gone.width, gone.height);
  return canvas;
}

/** A mask of what is not painted at all. */
function holesOf(pen: CanvasRenderingContext2D, { width, height }: Box): HTMLCanvasElement | null {
  const seen = pen.getImageData(0, 0, width, height);
  const [mask, other] = sheet({ width, height });
  const white = other.createImageData(width, height);
  let any = false;
  for (let at = 3; at < seen.data.length; at += 4) {
    const hole = seen.data[at]! < 255;
    any ||= hole;
    white.data.fill(hole ? 255 : 0, at - 3, at);
    white.data[at] = 255;
  }
  if (!any) return null;
  other.putImageData(white, 0, 0);
  return mask;
}

function sheet({ width, height }: Pick<Box, "width" | "height">): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return [canvas, canvas.getContext("2d", { willReadFrequently: true })!];
}

function png(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => canvas.toBlob((made) => (made ? resolve(made) : reject(new Error("no picture"))), "image/png"));
}
