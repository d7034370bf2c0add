/** Sizes of pictures by their shape, as a model and the server's limits allow them. */
import type { JobRequest, Model } from "../../api/types";

export type Ratio = readonly [number, number];

export const RATIOS: readonly Ratio[] = [
  [1, 1],
  [4, 3],
  [3, 4],
  [3, 2],
  [2, 3],
  [16, 9],
  [9, 16],
];

export interface Size {
  width: number;
  height: number;
}

type Sides = Pick<Model, "width" | "height" | "factor" | "limits">;

/** The size of this shape with about as many pixels as the model was trained at. */
export function sized([across, down]: Ratio, model: Sides): Size {
  const { max_width, max_height, max_pixels } = model.limits;
  const shape = across / down;
  const area = Math.min(model.width * model.height, max_pixels);
  const width = Math.min(Math.sqrt(area * shape), max_width, max_height * shape);
  const size = { width: fit(width, model, max_width), height: fit(width / shape, model, max_height) };
  // Rounded up on both sides it may be a row too large.
  const longer = size.width < size.height ? "height" : "width";
  while (size.width * size.height > max_pixels) size[longer] -= model.factor;
  return size;
}

/** The nearest side that the model takes. */
export function fit(pixels: number, { factor }: Pick<Model, "factor">, most: number): number {
  const least = Math.ceil(8 / factor) * factor;
  return Math.max(least, Math.min(Math.round(pixels / factor), Math.floor(most / factor)) * factor);
}

/** Which of the shapes a size is; null for one of the user's own. */
export function ratioOf(size: Size, model: Sides): Ratio | null {
  const same = (each: Ratio) => {
    const { width, height } = sized(each, model);
    return width === size.width && height === size.height;
  };
  return RATIOS.find(same) ?? null;
}

/** A size as the draft has it: nothing where it is the model's own. */
export function asDrafted(size: Size, model: Sides): { width: number | null; height: number | null } {
  const own = size.width === model.width && size.height === model.height;
  return own ? { width: null, height: null } : { ...size };
}

/** Kinds whose pictures have the shape of the one that they start from, at the model's own size. */
export const REDRAWN: readonly (string | undefined)[] = ["edit", "image-to-image", "variations"];

/** How large what comes of a request will be, from a picture that is sent in so many pixels; of a
 * model that is not known yet only its shape may be. */
export function sizeOf({ kind, width, height, scale, expand, hires }: JobRequest, sent: Size | null, model: Model | null): Size | undefined {
  if (!sent) {
    const times = hires?.scale ?? 1;
    const [across, down] = [width ?? model?.width, height ?? model?.height];
    return across && down ? { width: Math.round(across * times), height: Math.round(down * times) } : undefined;
  }
  if (kind === "upscale") return { width: Math.round(sent.width * (scale ?? 1)), height: Math.round(sent.height * (scale ?? 1)) };
  if (model && REDRAWN.includes(kind)) return sized([sent.width, sent.height], model);
  const { left = 0, right = 0, top = 0, bottom = 0 } = (kind === "outpaint" && expand) || {};
  return { width: sent.width + left + right, height: sent.height + top + bottom };
}
