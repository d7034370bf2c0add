/** What changed out of sight, and is to be looked at. */
import { signal } from "@preact/signals";
import { go, route } from "./route";

export type Scene = "form" | "jobs";

/** The scene that the user is to be led to; null once they are there. */
export const wanted = signal<Scene | null>(null);

/** Leads the user to something of the place where pictures are made. */
export function lead(scene: Scene): void {
  wanted.value = scene;
  if (route.peek().place !== "make") go("make");
}
