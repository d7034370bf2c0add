/** Forgets what was wrong with a picture, or with what is done with it, once it is about another. */
import { effect } from "@preact/signals";
import { draft } from "./draft";
import { guides, likened } from "./guides";
import { input } from "./input";
import { mend } from "./problems";

/** Fields that are about the picture to start from, and what is done with it. */
const OF_PICTURE = [
  "/image",
  "/references",
  "/mask",
  "/mask_blur",
  "/mask_grey",
  "/expand",
  "/kind",
  "/scale",
  "/upscaler",
  "/strength",
  "/width",
  "/height",
  "/hires",
];

/** Watches the form, whoever changes it. */
export function installOutdated(): void {
  let before = input.peek();
  effect(() => {
    const now = input.value;
    const other = now?.picture !== before?.picture || now?.use !== before?.use;
    before = now;
    if (other) mend(...OF_PICTURE);
  });
  // Pictures and places may say all that words would: then none are missing.
  let said = saying();
  effect(() => {
    const now = saying();
    if (now !== said && !draft.peek().prompt.trim()) mend("/prompt");
    said = now;
  });
}

/** What says besides the words what is to be made. */
function saying(): string {
  return [input.value?.use, draft.value.regions.length, guides.value.follow.length, likened(guides.value)].join(" ");
}
