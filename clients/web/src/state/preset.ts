/** Presets: parts of a request, put into the form or taken out of it, and carried by a link. */
import type { JobRequest } from "../api/types";
import { addWord, says } from "./choose";
import { change, draft, fill, request } from "./draft";
import { model, models } from "./models";

/** Fields that a link may set: none that starts a job or names a picture. */
const CARRIED = [
  "prompt",
  "negative_prompt",
  "model",
  "width",
  "height",
  "steps",
  "guidance_scale",
  "sampler",
  "schedule",
  "seed",
  "count",
  "vae",
  "loras",
  "hires",
  "clip_skip",
  "variation_strength",
  "variation_seed",
] as const;

/** Whether it has words alone, which are added to what is there. */
export function isStyle(preset: JobRequest): boolean {
  return Object.keys(preset).every((field) => field === "prompt" || field === "negative_prompt");
}

/** The words of the form, or all that it says. */
export function presetOf(words: boolean): JobRequest {
  const from = draft.peek();
  if (words) return { prompt: from.prompt.trim(), negative_prompt: from.negative.trim() };
  return carried({ ...request(from, null, model.peek()), model: model.peek()?.name ?? "" });
}

/** Puts a preset into the form: a style beside the words, anything else in place of what is there. */
export function use(preset: JobRequest): void {
  if (!isStyle(preset)) {
    const named = models.peek().find((each) => (preset.model ? each.name === preset.model : each.default));
    fill(preset, named ?? null);
    return;
  }
  const { prompt, negative } = draft.peek();
  const joined = (text: string, more = "") => (more && !says(text, more) ? addWord(text, more) : text);
  change({ prompt: joined(prompt, preset.prompt), negative: joined(negative, preset.negative_prompt) });
}

/** What a link carries, as text for an address. */
export function written(preset: JobRequest): string {
  const bytes = new TextEncoder().encode(JSON.stringify(carried(preset)));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What such a text says; null where it says nothing that a form takes. */
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

function carried(from: JobRequest): JobRequest {
  const has = CARRIED.filter((field) => from[field] !== undefined && from[field] !== null);
  return Object.fromEntries(has.map((field) => [field, from[field]])) as JobRequest;
}
