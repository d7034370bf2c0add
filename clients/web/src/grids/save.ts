/** A grid's sheet as a picture that every program opens. */
import { readSheet } from "../api/collections/grids";
import { platform } from "../platform";

/** Pixels that each picture of a sheet is wide. */
const WIDTH = 256;

/** The longest side of a canvas that every browser draws. */
const MOST = 8192;

export async function saveSheet(id: string): Promise<void> {
  const svg = await readSheet(id, WIDTH);
  const url = URL.createObjectURL(svg);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = Math.min(1, MOST / Math.max(image.naturalWidth, image.naturalHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(image.naturalWidth * scale);
    canvas.height = Math.round(image.naturalHeight * scale);
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    await platform.save(new File([png ?? svg], `darkroom-grid-${id}.${png ? "png" : "svg"}`, { type: (png ?? svg).type }));
  } finally {
    URL.revokeObjectURL(url);
  }
}
