/** Which models have a U-Net, on whose layers more can be done than on others'. */
import type { Model } from "../../api/types";

/** Families whose networks are U-Nets, as the server has them. */
const UNETS: ReadonlySet<string> = new Set(["sd1", "sd2", "sdxl", "sdxl-refiner", "kolors"]);

/** Whether a model is a U-Net whose pictures share forwards. */
export function hasUnet({ batched, family }: Pick<Model, "batched" | "family">): boolean {
  return batched && UNETS.has(family);
}
