/** Pictures and masks on their way to the server and back. */
import type { Given } from "../../../state/form/input";
import type { Size } from "../../view";

/** The longest side that the server looks at. */
const LOOKED_AT = 1024;

/** The picture as it is sent: by its id where the server has it, else no larger than it is looked at. */
export async function sendable({ picture, width, height }: Given): Promise<Blob | string> {
  const scale = LOOKED_AT / Math.max(width, height);
  if (typeof picture === "string" || scale >= 1) return picture;
  const bitmap = await createImageBitmap(picture);
  const sheet = paper({ width: Math.round(width * scale), height: Math.round(height * scale) });
  sheet.drawImage(bitmap, 0, 0, sheet.canvas.width, sheet.canvas.height);
  bitmap.close();
  return new Promise((resolve) => sheet.canvas.toBlob((made) => resolve(made ?? picture), "image/jpeg", 0.92));
}

/** How surely each place is meant, 0 to 255, of the mask that the server sent, at a size. */
export async function greysOf(mask: string, size: Size): Promise<Uint8Array> {
  const image = new Image();
  image.src = mask;
  await image.decode();
  const sheet = paper(size);
  sheet.imageSmoothingQuality = "high";
  sheet.drawImage(image, 0, 0, size.width, size.height);
  const { data } = sheet.getImageData(0, 0, size.width, size.height);
  const greys = new Uint8Array(data.length / 4);
  for (let at = 0; at < greys.length; at++) greys[at] = data[4 * at]!;
  return greys;
}

function paper({ width, height }: Size): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext("2d", { willReadFrequently: true })!;
}
