/** Pictures that something is to be done with together. */
import { batch, computed, signal } from "@preact/signals";
import type { Picture } from "../pictures";

/** Whether a tap chooses a picture instead of opening it. */
export const selecting = signal(false);

export const chosen = signal<ReadonlyMap<string, Picture>>(new Map());

export const count = computed(() => chosen.value.size);

/** The picture from which Shift reaches to another. */
let last: string | null = null;

export function toggle(picture: Picture): void {
  const now = new Map(chosen.peek());
  const { id } = picture.output;
  if (!now.delete(id)) now.set(id, picture);
  last = id;
  chosen.value = now;
}

/** Chooses all from the picture that was tapped last to one, as Shift does in lists of files. */
export function chooseTo(pictures: readonly Picture[], place: number): void {
  const from = pictures.findIndex(({ output }) => output.id === last);
  if (from < 0) return toggle(pictures[place]!);
  const between = pictures.slice(Math.min(from, place), Math.max(from, place) + 1);
  chosen.value = new Map([...chosen.peek(), ...between.map((each) => [each.output.id, each] as const)]);
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
    last = null;
    chosen.value = new Map();
  });
}
