/** Brings a request back into the form, with the picture that it starts from. */
import type { Files } from "../api/jobs";
import type { JobRequest, ResolvedRequest } from "../api/types";
import { startOf, type NamedPicture } from "../gallery/start";
import { fill, input, NO_EDGES, type Use } from "../state/draft";

/** One that the server has, with its pictures. */
export async function edit(request: ResolvedRequest, pictures: readonly NamedPicture[]): Promise<void> {
  fill(request);
  input.value = await startOf(request as JobRequest, pictures).catch(() => null);
  show();
}

/** One that never got there, with its files. */
export async function editUnsent(request: JobRequest, files: Files): Promise<void> {
  fill(request as Partial<ResolvedRequest>);
  const { kind = "text-to-image", image } = request;
  const picture = files.image ?? image;
  if (kind !== "text-to-image" && picture) {
    const url = typeof picture === "string" ? (input.peek()?.url ?? "") : URL.createObjectURL(picture);
    input.value = {
      use: kind as Use,
      picture,
      url,
      ...(await sizeOf(url)),
      mask: files.mask ?? null,
      invert: request.mask_invert ?? false,
      feather: request.mask_blur ?? 4,
      expand: { ...NO_EDGES, ...request.expand },
    };
  } else {
    input.value = null;
  }
  show();
}

async function sizeOf(url: string): Promise<{ width: number; height: number }> {
  const image = new Image();
  image.src = url;
  await image.decode().catch(() => undefined);
  return { width: image.naturalWidth, height: image.naturalHeight };
}

function show(): void {
  document.querySelector<HTMLElement>(".prompt textarea")?.focus();
  scrollTo({ top: 0 });
}
