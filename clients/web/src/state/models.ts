/** What can be asked for. */
import { computed, signal } from "@preact/signals";
import * as api from "../api/models";
import type { Model, Sampler, Schedule } from "../api/types";
import { draft } from "./draft";
import { USES, type Use } from "./input";

export const models = signal<readonly Model[]>([]);
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

/** What is done with a picture unless the user says otherwise. */
export function usualUse(): Use {
  return uses.peek()[0] ?? "image-to-image";
}

export async function loadModels(): Promise<void> {
  const [all, ways] = await Promise.all([api.models().catch(() => models.peek()), api.samplers()]);
  models.value = all;
  samplers.value = ways.samplers;
  schedules.value = ways.schedules;
}

/** Whether no worker that is alive offers the model, so that it is worth asking again. */
export const waiting = computed(() => !model.value?.live);
