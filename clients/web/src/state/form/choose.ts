/** Chooses what a picture is made with, from wherever it is shown: the form has it at once. */
import type { Model } from "../../api/types";
import { change, draft, type Draft } from "./draft";
import { fitting, guides } from "./guides";
import { model, models } from "./models";
import { hasUnet } from "./unet";
import { mend, tell } from "./problems";
import { asDrafted, ratioOf, sized } from "./sizes";

/** The draft with another model: that one's defaults, in the shape that was chosen. */
export function withModel(from: Draft, old: Model | null, next: Model): Partial<Draft> {
  const shape = old && from.width && from.height ? ratioOf(from as { width: number; height: number }, old) : null;
  const size = shape ? asDrafted(sized(shape, next), next) : { width: null, height: null };
  return {
    model: next.default ? null : next.name,
    ...size,
    steps: null,
    guidance: null,
    sampler: null,
    schedule: "automatic",
    vae: next.vaes.some((each) => each.name === from.vae) ? from.vae : null,
    tiling: hasUnet(next) ? from.tiling : "none",
    loras: from.loras.filter((each) => next.loras.some((known) => known.name === each.name)),
  };
}

/** Makes a model the one to draw with. */
export function chooseModel(name: string): void {
  const next = models.peek().find((each) => each.name === name);
  if (!next) return;
  tell([]);
  change(withModel(draft.peek(), model.peek(), next));
  guides.value = fitting(guides.peek(), next);
}

/** Puts a LoRA beside those that were chosen. */
export function addLora(name: string): void {
  const { loras } = draft.peek();
  mend("/loras");
  if (!loras.some((each) => each.name === name)) change({ loras: [...loras, { name, weight: 1 }] });
}

/** A text with some words more at its end, after a comma. */
export function addWord(text: string, word: string): string {
  const before = text.trim().replace(/,$/, "");
  return before ? `${before}, ${word}` : word;
}

/** Whether a text has these words already. */
export function says(text: string, words: string): boolean {
  return text.toLowerCase().includes(words.toLowerCase());
}
