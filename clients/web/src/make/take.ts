/** Takes a file that the user chose, dropped or pasted as the picture to start from. */
import { openPicture, UnreadablePicture } from "../editor/picture";
import { input, NO_EDGES, type Use } from "../state/draft";
import { model } from "../state/models";
import { toast } from "../state/toasts";
import { sentence } from "../ui/sentence";
import { mend } from "./problems";

/** What can be done with a picture, the first one first. */
export const USES: readonly Use[] = ["image-to-image", "inpaint", "outpaint", "variations", "upscale"];

/** What the model does with pictures; everything as long as none is known. */
export function usesOf(kinds: readonly string[] | undefined): readonly Use[] {
  return kinds ? USES.filter((each) => kinds.includes(each)) : USES;
}

export async function take(file: Blob): Promise<void> {
  try {
    const opened = await openPicture(file);
    const use = usesOf(model.peek()?.kinds)[0] ?? "image-to-image";
    input.value = { ...opened, use, mask: null, invert: false, feather: 4, expand: NO_EDGES };
    mend("/image", "/mask", "/expand", "/kind");
  } catch (error) {
    toast(error instanceof UnreadablePicture ? error.message : sentence(error));
  }
}

/** The picture among what was pasted, if there is one. */
export function pictureIn(data: DataTransfer | null): File | null {
  return [...(data?.files ?? [])].find((each) => each.type.startsWith("image/")) ?? null;
}
