/** What is wrong with the form, each beside its field. */
import { computed, signal } from "@preact/signals";
import type { FieldError } from "../api/types";
import { capital } from "../ui/sentence";

export const problems = signal<readonly FieldError[]>([]);

/** Counts the times that something was found wrong, so that the user is led there once each time. */
export const found = signal(0);

/** Fields that stand in the form itself. */
const HERE = ["/prompt", "/image", "/mask", "/expand", "/kind", "/strength", "/mask_blur"];

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
];

/** Whether something is wrong among the settings. */
export const inSettings = computed(() => problems.value.some((each) => isOf(each, SETTINGS)));

/** What is wrong with fields that are nowhere on this page. */
export const elsewhere = computed(() =>
  problems.value
    .filter((each) => !isOf(each, [...HERE, ...SETTINGS]))
    .map((each) => `${each.pointer.slice(1)}: ${each.detail}`),
);

/** Says what is wrong, in place of what was. */
export function tell(errors: readonly FieldError[]): void {
  problems.value = errors;
  if (errors.length) found.value++;
}

/** What is wrong with any of these fields, as one text. */
export function problemOf(pointers: readonly string[]): string {
  return problems.value
    .filter((each) => isOf(each, pointers))
    .map((each) => capital(each.detail))
    .join(" ");
}

/** Forgets what was wrong with a field: it is being changed. */
export function mend(...pointers: string[]): void {
  const left = problems.peek().filter((each) => !isOf(each, pointers));
  if (left.length < problems.peek().length) problems.value = left;
}

function isOf(error: FieldError, pointers: readonly string[]): boolean {
  return pointers.some((each) => error.pointer === each || error.pointer.startsWith(`${each}/`));
}
