/** Takes a file that the user chose, dropped or pasted as the picture to start from. */
import { input, inputOf } from "../state/input";
import { usualUse } from "../state/models";
import { mend } from "../state/problems";
import { toast } from "../state/toasts";
import { sentence } from "../ui/sentence";
import { openPicture, UnreadablePicture } from "./picture";

export async function take(file: Blob): Promise<void> {
  try {
    const opened = await openPicture(file);
    input.value = inputOf({ ...opened, use: usualUse() });
    mend("/image", "/mask", "/expand", "/kind");
  } catch (error) {
    toast(error instanceof UnreadablePicture ? error.message : sentence(error));
  }
}

/** Takes a file as one more picture that an edit speaks of. */
export async function takeMore(file: Blob): Promise<void> {
  try {
    const opened = await openPicture(file);
    const source = input.peek();
    if (source) input.value = { ...source, more: [...source.more, opened] };
    mend("/references");
  } catch (error) {
    toast(error instanceof UnreadablePicture ? error.message : sentence(error));
  }
}

/** The picture among what was pasted or dropped, if there is one. */
export function pictureIn(data: DataTransfer | null): File | null {
  return [...(data?.files ?? [])].find((each) => each.type.startsWith("image/")) ?? null;
}
