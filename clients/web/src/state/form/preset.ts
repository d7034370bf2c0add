/** Presets: parts of a request, put into the form or taken out of it, and carried by a link. */
import type { JobRequest } from "../../api/types";
import type { BesideField } from "./beside";
import { addWord, says } from "./choose";
import { change, draft, fill, request, TILINGS } from "./draft";
import { model, models } from "./models";

const text = (value: unknown) => typeof value === "string";
const number = (value: unknown) => typeof value === "number";
const flag = (value: unknown) => typeof value === "boolean";
const part = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** A prompt in a box: what a mask says would be a picture. */
const isPlace = (value: unknown) =>
  part(value) && text(value.prompt) && part(value.box) && [...Object.values(value.box), value.weight ?? 1].every(number);

/** Fields that a link may set, none that starts a job or names a picture, and what each takes. */
const CARRIED = {
  prompt: text,
  negative_prompt: text,
  styles: (value: unknown) => Array.isArray(value) && value.every(text),
  model: text,
  width: number,
  height: number,
  steps: number,
  guidance_scale: number,
  sampler: text,
  schedule: text,
  seed: number,
  count: number,
  vae: text,
  loras: (value: unknown) => Array.isArray(value) && value.every((each) => part(each) && text(each.name)),
  hires: part,
  clip_skip: number,
  variation_strength: number,
  variation_seed: number,
  restore_faces: part,
  tiling: (value: unknown) => TILINGS.some((each) => each === value),
  regions: (value: unknown) => Array.isArray(value) && value.every(isPlace),
  guidance_rescale: number,
  true_cfg_scale: number,
  image_guidance_scale: number,
  as_written: flag,
  blend_prompt: text,
  blend: number,
  class_label: number,
  freeu: part,
  dynamic_thresholding: part,
  pag_scale: number,
  cfg_plus_plus: flag,
  exact: flag,
  resize: text,
  fill: text,
} satisfies Partial<Record<keyof JobRequest, (value: unknown) => boolean>> & Record<BesideField, unknown>;

const FIELDS = Object.keys(CARRIED) as (keyof typeof CARRIED)[];

/** Whether it has words alone, which are added to what is there. */
function hasWordsAlone(preset: JobRequest): boolean {
  return Object.keys(preset).every((field) => field === "prompt" || field === "negative_prompt");
}

/** All that the form says. */
export function presetOf(): JobRequest {
  const from = draft.peek();
  return carried({ ...request(from, null, model.peek()), model: model.peek()?.name ?? "" });
}

/**
 * Puts a preset into the form: words alone beside those, anything else in place of what is there.
 * What comes before any model is known is put in again then, for only then is it seen what of it the
 * model would choose by itself.
 */
export function use(kept: JobRequest): void {
  const preset = carried(kept);
  if (!hasWordsAlone(preset)) {
    replace(preset);
    if (models.peek().length) return;
    const filled = draft.peek();
    const stop = models.subscribe((known) => {
      if (!known.length) return;
      stop();
      if (draft.peek() === filled) replace(preset);
    });
    return;
  }
  const { prompt, negative } = draft.peek();
  const joined = (text: string, more = "") => (more && !says(text, more) ? addWord(text, more) : text);
  change({ prompt: joined(prompt, preset.prompt), negative: joined(negative, preset.negative_prompt) });
}

function replace(preset: JobRequest): void {
  const named = models.peek().find((each) => (preset.model ? each.name === preset.model : each.default));
  fill(preset, named ?? null);
}

/** What a link carries in its address; null where it says nothing that a form takes. */
export function read(text: string): JobRequest | null {
  try {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const found: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (each) => each.charCodeAt(0))));
    const asked = carried(found as JobRequest);
    return Object.keys(asked).length ? asked : null;
  } catch {
    return null;
  }
}

/** What a form takes of a request that may come from anywhere: no field with a value of another kind. */
function carried(from: JobRequest): JobRequest {
  const has = FIELDS.filter((field) => CARRIED[field](from[field]));
  return Object.fromEntries(has.map((field) => [field, from[field]])) as JobRequest;
}
