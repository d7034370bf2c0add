/** What families of models are called. */
const NAMES: Record<string, string> = {
  sd1: "Stable Diffusion 1",
  sd2: "Stable Diffusion 2",
  sdxl: "Stable Diffusion XL",
  sd3: "Stable Diffusion 3",
  flux: "Flux",
  "sdxl-refiner": "Stable Diffusion XL Refiner",
};

/** A family by its makers' name; one that is not known here by its own. */
export function familyName(family: string): string {
  return NAMES[family] ?? family;
}
