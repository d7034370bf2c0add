/** What is wrong with the form, each beside its field, and beside the button what has no field. */
import { computed, signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import type { FieldError } from "../api/types";
import { input } from "../state/form/input";
import { isOf, problems } from "../state/form/problems";
import { said } from "../ui/said";
import { capital } from "../ui/sentence";
import { t } from "./words";

/** Fields that stand among the settings, which may be folded away. */
const SETTINGS = [
  "/model",
  "/count",
  "/steps",
  "/guidance_scale",
  "/seed",
  "/negative_prompt",
  "/sampler",
  "/schedule",
  "/loras",
  "/vae",
  "/hires",
  "/clip_skip",
  "/variation_strength",
  "/walk",
  "/controls",
  "/ip_adapters",
  "/regions",
  "/tiling",
  "/reference_only",
  "/restore_faces",
];

/** There as well where no picture says how large the result is. */
const SIZE = ["/width", "/height"];

/** How often each field stands in the page just now. */
const placed = signal<ReadonlyMap<string, number>>(new Map());

function place(pointers: readonly string[], count: 1 | -1): void {
  const now = new Map(placed.peek());
  for (const each of pointers) now.set(each, (now.get(each) ?? 0) + count);
  placed.value = now;
}

/** Whether something is wrong among the settings. */
export const inSettings = computed(() =>
  problems.value.some((each) => isOf(each, input.value ? SETTINGS : [...SETTINGS, ...SIZE])),
);

/** What is wrong with fields that stand nowhere just now. */
export const elsewhere = computed(() => {
  const seen = [...placed.value].filter(([, count]) => count > 0).map(([pointer]) => pointer);
  return problems.value.filter((each) => !isOf(each, seen)).map(named);
});

/** A problem by itself: a field of the form's own words, any other by its name in the API. */
function named(error: FieldError): string {
  const [, field = ""] = error.pointer.split("/");
  const label = FIELDS[field];
  if (label === "") return sentenceOf(error);
  const name = label ? t(label) : (NAMES[field] ?? field);
  return capital(`${name}: ${detailOf(error)}`);
}

/** What the page calls by another name than the API, in every language. */
const NAMES: Readonly<Record<string, string>> = { webhook: "ntfy" };

type Label = Parameters<typeof t>[0] & ("width" | "height" | "steps" | "guidance" | "seed" | "negative" | "sampler" | "schedule" | "model" | "count" | "follow" | "like" | "places" | "tiling");

/** What fields are called here; what begins with the picture says so itself. */
const FIELDS: Readonly<Record<string, Label | "">> = {
  width: "width",
  height: "height",
  steps: "steps",
  guidance_scale: "guidance",
  seed: "seed",
  negative_prompt: "negative",
  sampler: "sampler",
  schedule: "schedule",
  model: "model",
  count: "count",
  controls: "follow",
  ip_adapters: "like",
  regions: "places",
  tiling: "tiling",
  image: "",
  mask: "",
  expand: "",
  kind: "",
  scale: "",
  references: "",
  prompt: "",
};

function detailOf({ detail, wording }: FieldError): string {
  return said(detail, wording);
}

function sentenceOf(error: FieldError): string {
  return capital(detailOf(error));
}

/**
 * What is wrong with any of these fields, as one text. Whoever calls it has the text in the page as
 * long as it is drawn, so that nothing else needs to say it.
 */
export function useProblem(pointers: readonly string[]): string {
  useLayoutEffect(() => {
    place(pointers, 1);
    return () => place(pointers, -1);
  }, [pointers.join()]);
  return problems.value
    .filter((each) => isOf(each, pointers))
    .map(sentenceOf)
    .join(" ");
}
