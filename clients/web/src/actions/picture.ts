/** A file that the user chose, as a picture that the server takes: upright, and not too large. */
import { words } from "../i18n";
import { withoutNotes } from "./jpeg";

/** What a server makes: no side longer, and no more pixels; and the largest file that it takes. */
export interface Most {
  longest: number;
  pixels: number;
  sent?: { bytes: number; pixels: number };
}

/** Of a server that has not said yet what it makes. */
export const USUAL: Most = { longest: 2048, pixels: 2048 * 2048 };

/** Of JPEG, where what was lost cannot be seen. */
const QUALITY = 0.93;

const t = words("actions/picture", {
  en: {
    unreadable:
      "This browser cannot read that picture. A JPEG, PNG or WebP file works; a screenshot of the picture does too.",
  },
  vi: {
    unreadable:
      "Trình duyệt này không đọc được ảnh đó. Hãy dùng tệp JPEG, PNG hoặc WebP; ảnh chụp màn hình cũng được.",
  },
});

/** The file is no picture, or of a kind that the browser does not know. Its message can be shown. */
export class UnreadablePicture extends Error {
  override readonly name = "UnreadablePicture";
}

export interface Opened {
  picture: Blob;
  url: string;
  width: number;
  height: number;
  /** How large the file is, where it was made smaller. */
  full: { width: number; height: number } | null;
  /** The file in its own pixels, where the server takes it; of a kind that both know. */
  original: Blob | null;
}

/**
 * Reads a picture so that what is shown is what is sent: turned as the camera was held, no larger
 * than `most`, and without the place where it was taken. Throws `UnreadablePicture`.
 */
export async function openPicture(file: Blob, most: Most = USUAL): Promise<Opened> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new UnreadablePicture(t("unreadable"));
  });
  const { width, height } = fitted(bitmap.width, bitmap.height, most);
  const full = width === bitmap.width ? null : { width: bitmap.width, height: bitmap.height };
  // A PNG is not turned, and may carry its recipe: it stays as it is.
  const kept = file.type === "image/png" && !full;
  const picture = kept ? file : await encoded(bitmap, width, height, file.type);
  bitmap.close();
  const original = full && (await inItsOwnPixels(file, full, most));
  return { picture, url: URL.createObjectURL(picture), width, height, full, original };
}

async function inItsOwnPixels(file: Blob, { width, height }: { width: number; height: number }, { sent }: Most): Promise<Blob | null> {
  if (!sent || file.size > sent.bytes || width * height > sent.pixels) return null;
  if (file.type === "image/png") return file;
  return file.type === "image/jpeg" ? withoutNotes(file) : null;
}

/** The size within `most` of the same shape. */
export function fitted(width: number, height: number, { longest, pixels }: Most = USUAL): { width: number; height: number } {
  const scale = Math.min(1, longest / Math.max(width, height), Math.sqrt(pixels / (width * height)));
  const side = (of: number) => Math.max(1, scale < 1 ? Math.floor(of * scale) : of);
  return { width: side(width), height: side(height) };
}

async function encoded(bitmap: ImageBitmap, width: number, height: number, type: string): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  // Only JPEG is sure to have nothing transparent.
  const blob = await toBlob(canvas, type === "image/jpeg" ? type : "image/png");
  if (!blob) throw new UnreadablePicture(t("unreadable"));
  return blob;
}

function toBlob(canvas: HTMLCanvasElement, type: string): Promise<Blob | null> {
  return new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY));
}
