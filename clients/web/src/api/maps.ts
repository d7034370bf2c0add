import { get, post } from "./http";

/** The names of what makes maps without a model of its own. */
export async function preprocessors(): Promise<string[]> {
  const { preprocessors } = await get<{ preprocessors: { name: string }[] }>("preprocessors");
  return preprocessors.map(({ name }) => name);
}

/** What the route calls the preprocessors whose names it has others for. */
const MODULES: Readonly<Record<string, string>> = {
  tile: "tile_resample",
  luminance: "recolor_luminance",
  intensity: "recolor_intensity",
  "color-grid": "t2ia_color_grid",
};

/** What a preprocessor makes of a picture, both as data URIs. */
export async function mapOf(preprocessor: string, picture: string): Promise<string> {
  const json = { controlnet_module: MODULES[preprocessor] ?? preprocessor, controlnet_images: [picture] };
  const { images } = await post<{ images: string[] }>("/controlnet/detect", { json });
  return `data:image/png;base64,${images[0]}`;
}
