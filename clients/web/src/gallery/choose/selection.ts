/** Pictures that something is to be done with together. */
import { batch, computed, signal } from "@preact/signals";
import type { Picture } from "../pictures";

/** Whether a tap chooses a picture instead of opening it. */
export const selecting = signal(false);

export const chosen = signal<ReadonlyMap<string, Picture>>(new Map());

export const count = computed(() => chosen.value.size);

export function toggle(picture: Picture): void {
  const now = new Map(chosen.peek());
  const { id } = picture.output;
  if (!now.delete(id)) now.set(id, picture);
  chosen.value = now;
}

export function chooseAll(pictures: readonly Picture[]): void {
  chosen.value = new Map(pictures.map((each) => [each.output.id, each]));
}

export function begin(): void {
  selecting.value = true;
}

export function end(): void {
  batch(() => {
    selecting.value = false;
    chosen.value = new Map();
  });
}
