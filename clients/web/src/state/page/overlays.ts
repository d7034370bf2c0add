/** What is to be done with pictures on a sheet of its own, from wherever they are shown. */
import { signal } from "@preact/signals";
import type { Output } from "../../api/types";

/** Pictures that are to go into an album. */
export const collecting = signal<readonly string[] | null>(null);

/** The picture that a link is to be made to. */
export const linking = signal<Output | null>(null);

/** Two pictures that are to be looked at one over the other, the earlier first. */
export const comparing = signal<readonly [Shown, Shown] | null>(null);

/** The grid that is looked at, by its id. */
export const gridShown = signal<string | null>(null);

/** What is picked for the form: an earlier prompt, a preset, or what is to change in a grid. */
export const picking = signal<"history" | "presets" | "grid" | null>(null);

/** A picture by its address. */
export interface Shown {
  url: string;
  name: string;
}
