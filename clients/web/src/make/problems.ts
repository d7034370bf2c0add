/** What is wrong with the form, each beside its field. */
import { computed } from "@preact/signals";
import { input } from "../state/input";
import { isOf, problems } from "../state/problems";
import { capital } from "../ui/sentence";

/** Fields that stand beside the picture to start from, where there is one. */
const START = [
  "/image",
  "/references",
  "/mask",
  "/expand",
  "/kind",
  "/strength",
  "/mask_blur",
  "/mask_grey",
];

/** Fields that stand among the settings, which may be folded away. */
const SETTINGS = [
  "/model",
  "/width",
  "/height",
  "/count",
  "/steps",
  "/guidance_scale",
  "/seed",
  "/negative_prompt",
  "/sampler",
  "/schedule",
  "/loras",
  "/vae",
];

/** Whether something is wrong among the settings. */
export const inSettings = computed(() => problems.value.some((each) => isOf(each, SETTINGS)));

/** What is wrong with fields that stand nowhere just now. */
export const elsewhere = computed(() =>
  problems.value
    .filter((each) => !isOf(each, ["/prompt", ...SETTINGS, ...(input.value ? START : [])]))
    .map((each) => (isOf(each, START) ? capital(each.detail) : `${each.pointer.slice(1)}: ${each.detail}`)),
);

/** What is wrong with any of these fields, as one text. */
export function problemOf(pointers: readonly string[]): string {
  return problems.value
    .filter((each) => isOf(each, pointers))
    .map((each) => capital(each.detail))
    .join(" ");
}
