/** How far a picture may be enlarged here, and by what. */
import type { Model } from "../../api/types";
import type { Size } from "./sizes";

/** Times that people know, and the server's most. */
export const KNOWN: readonly number[] = [1.5, 2, 3, 4, 8];

const USUAL = 2;

/** Less than this nobody would see. */
const WORTH = 1.05;

/** The largest that a picture may become; less where something in it is painted anew. */
export function largest({ limits }: Pick<Model, "limits">, paints: boolean): Size & { pixels: number } {
  if (paints) return { width: limits.max_width, height: limits.max_height, pixels: limits.max_pixels };
  return { width: limits.max_enlarged_size, height: limits.max_enlarged_size, pixels: limits.max_enlarged_pixels };
}

/** The most that a picture can grow within the server's limits, down to a hundredth. */
export function mostTimes({ width, height }: Size, model: Pick<Model, "limits">, paints: boolean): number {
  const room = largest(model, paints);
  const fits = (times: number) => {
    const [across, down] = [Math.round(width * times), Math.round(height * times)];
    return across <= room.width && down <= room.height && across * down <= room.pixels;
  };
  const longest = Math.min(room.width / width, room.height / height);
  const most = Math.min(KNOWN.at(-1)!, longest, Math.sqrt(room.pixels / (width * height)));
  let times = Math.floor(most * 100) / 100;
  while (times > 1 && !fits(times)) times = Math.round(times * 100 - 1) / 100;
  return times >= WORTH ? times : 1;
}

/** What can be chosen: the times that fit, and the largest of all. None where nothing fits. */
export function timesOf(size: Size, model: Pick<Model, "limits">, paints: boolean): number[] {
  const most = mostTimes(size, model, paints);
  if (most === 1) return [];
  return [...new Set([...KNOWN.filter((each) => each <= most), most])];
}

/** The times that are chosen, or else usual, as far as they fit. What only another picture could be
 * enlarged to is not chosen for this one. */
export function timesChosen(chosen: number | null, size: Size, model: Pick<Model, "limits">, paints: boolean): number {
  const most = mostTimes(size, model, paints);
  const known = chosen !== null && (chosen >= most || KNOWN.some((each) => each === chosen));
  return Math.min(known ? chosen : USUAL, most);
}

/** What enlarges where the user does not say: the best that the model has. */
export function ownUpscaler(model: Pick<Model, "upscalers" | "batched"> | null): string {
  return (model?.batched && model.upscalers[0]?.name) || "lanczos";
}
