/** The picture that a recipe starts from, put back into the form. */
import { absolute } from "../api/http";
import { file } from "../api/images";
import type { components } from "../api/schema";
import type { JobRequest } from "../api/types";
import { NO_EDGES, type Input } from "../state/draft";

export type NamedPicture = components["schemas"]["InputView"];

/** What the form starts from for this request; null for one that starts from words alone. */
export async function startOf(
  request: JobRequest,
  pictures: readonly NamedPicture[],
): Promise<Input | null> {
  const picture = pictures.find((each) => each.pointer === "/image");
  const { kind } = request;
  if (!picture || !kind || kind === "text-to-image") return null;
  const image = new Image();
  image.src = absolute(picture.url);
  await image.decode();
  const mask = pictures.find((each) => each.pointer === "/mask");
  return {
    use: kind,
    picture: picture.id,
    url: image.src,
    width: image.naturalWidth,
    height: image.naturalHeight,
    mask: mask ? await file(mask) : null,
    invert: request.mask_invert ?? false,
    feather: request.mask_blur ?? 4,
    expand: { ...NO_EDGES, ...request.expand },
  };
}
