/** What stands in the room: models, and what can be added to them, each once. */
import { computed } from "@preact/signals";
import type { AddOn, AddOnKind, Model } from "../api/types";
import { models } from "../state/form/models";

export const ADD_ONS: readonly AddOnKind[] = ["loras", "embeddings", "controlnets", "ip_adapters", "vaes", "upscalers", "face_restorers"];

/** Something that can be added, with the models that it fits. */
export interface Fitting extends AddOn {
  kind: AddOnKind;
  models: readonly Model[];
}

export const fittings = computed<readonly Fitting[]>(() => ADD_ONS.flatMap((kind) => of(kind, models.value)));

/** What can be added of one kind: each is named once, however many models it fits. */
export function of(kind: AddOnKind, all: readonly Model[]): Fitting[] {
  const found = new Map<string, Fitting>();
  for (const model of all) {
    for (const each of model[kind]) {
      const known = found.get(each.name);
      found.set(each.name, { ...each, kind, models: [...(known?.models ?? []), model] });
    }
  }
  return [...found.values()].sort((a, b) => titleOf(a).localeCompare(titleOf(b)));
}

export function titleOf({ title, name }: { title: string; name: string }): string {
  return title || name;
}
