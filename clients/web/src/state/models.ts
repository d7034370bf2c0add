/** What can be asked for. */
import { computed, signal } from "@preact/signals";
import * as api from "../api/models";
import type { Model, Sampler, Schedule } from "../api/types";
import { draft } from "./draft";

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

export async function loadModels(): Promise<void> {
  const [all, ways] = await Promise.all([api.models().catch(() => models.peek()), api.samplers()]);
  models.value = all;
  samplers.value = ways.samplers;
  schedules.value = ways.schedules;
}

/** Whether no worker that is alive offers the model, so that it is worth asking again. */
export const waiting = computed(() => !model.value?.live);
