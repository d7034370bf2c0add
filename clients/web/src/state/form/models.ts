/** What can be asked for. */
import { batch, computed, signal } from "@preact/signals";
import * as api from "../../api/models/models";
import type { Model, ModelList, Sampler, Schedule } from "../../api/types";
import { draft } from "./draft";
import { input, USES, type Use } from "./input";

export const models = signal<readonly Model[]>([]);
/** Models that a worker could offer and was told not to; an admin knows of them. */
export const leftAlone = signal<ModelList["left_alone"]>([]);
/** What lies on the workers' machines and cannot be offered, and why; an admin knows of it. */
export const troubles = signal<readonly string[]>([]);
/** The last answer, as it came. */
let heard = "";

export const samplers = signal<readonly Sampler[]>([]);
export const schedules = signal<readonly Schedule[]>([]);

/** The model that is chosen, or the server's default; null until any is known. */
export const model = computed<Model | null>(
  () =>
    models.value.find((each) => each.name === draft.value.model) ??
    models.value.find((each) => each.default) ??
    models.value[0] ??
    null,
);

/** What the chosen model does with pictures; everything as long as none is known. */
export const uses = computed<readonly Use[]>(() => {
  const kinds: readonly string[] | undefined = model.value?.kinds;
  return kinds ? USES.filter((each) => kinds.includes(each)) : USES;
});

/** Whether the chosen model draws nothing from words alone. */
export const needsPicture = computed(() => {
  const kinds = model.value?.kinds;
  return kinds !== undefined && kinds.length > 0 && !kinds.includes("text-to-image");
});

/** What is done with a picture unless the user says otherwise. */
export function usualUse(): Use {
  // As long as no model is known, the first of all uses is what few of them do.
  return (model.peek() && uses.peek()[0]) || "image-to-image";
}

/** Has a picture that was taken before a model was known be used for something that it does. */
function fitUse(): void {
  const source = input.peek();
  const [usual] = uses.peek();
  if (source && usual && !uses.peek().includes(source.use)) input.value = { ...source, use: usual };
}

/** Asks which models there are now, and how soon each could begin. */
export async function refreshModels(): Promise<void> {
  const list = await api.models();
  const text = JSON.stringify(list);
  // What did not change is not drawn again.
  if (text === heard) return;
  heard = text;
  batch(() => {
    const before = model.peek();
    models.value = list.models;
    if (!before) fitUse();
    leftAlone.value = list.left_alone;
    troubles.value = list.problems;
  });
}

export async function loadModels(): Promise<void> {
  const [, ways] = await Promise.all([refreshModels().catch(() => undefined), api.samplers()]);
  samplers.value = ways.samplers;
  schedules.value = ways.schedules;
}

/** Whether no worker that is alive offers the model, so that it is worth asking again. */
export const waiting = computed(() => !model.value?.live);
