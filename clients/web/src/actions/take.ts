/** Takes a file that the user chose, dropped or pasted as the picture to start from. */
import { input, inputOf } from "../state/form/input";
import { model, usualUse } from "../state/form/models";
import { mend } from "../state/form/problems";
import { toast } from "../state/page/toasts";
import { sentence } from "../ui/sentence";
import { openPicture, USUAL, UnreadablePicture, type Most, type Opened } from "./picture";

export async function take(file: Blob): Promise<void> {
  const picture = await opened(file);
  if (!picture) return;
  input.value = inputOf({ ...picture, use: usualUse() });
}

/** Takes a file as one more picture that an edit speaks of. */
export async function takeMore(file: Blob): Promise<void> {
  const picture = await opened(file);
  const source = input.peek();
  if (!picture || !source) return;
  input.value = { ...source, more: [...source.more, picture] };
  mend("/references");
}

/** A file as a picture that a request takes; null where it cannot be read, which is then said. */
export async function opened(file: Blob): Promise<Opened | null> {
  try {
    return await openPicture(file, most());
  } catch (error) {
    toast(error instanceof UnreadablePicture ? error.message : sentence(error));
    return null;
  }
}

/** What the server makes: a photograph that is larger could only be made smaller there. */
function most(): Most {
  const limits = model.peek()?.limits;
  if (!limits) return USUAL;
  const sent = { bytes: limits.max_upload, pixels: limits.max_picture_pixels };
  return { longest: Math.min(limits.max_width, limits.max_height), pixels: limits.max_pixels, sent };
}

/** The picture among what was pasted or dropped, if there is one. */
export function pictureIn(data: DataTransfer | null): File | null {
  return [...(data?.files ?? [])].find((each) => each.type.startsWith("image/")) ?? null;
}
