import { post } from "../http";
import type { Recipe } from "../types";

/** The kinds of files that may carry a recipe. */
export const CARRIERS: readonly string[] = ["image/png", "image/jpeg", "image/webp"];

/** The recipe that a picture carries, as far as it can be used here; refused where there is none. */
export function read(picture: Blob): Promise<Recipe> {
  return post("recipes", { file: picture, patience: 60_000 });
}
