/** What kind of screen this is. */
import { signal } from "@preact/signals";

function watched(query: string) {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener("change", () => {
    matches.value = list.matches;
  });
  return matches;
}

/** Wide enough for the settings to stand beside the pictures: as in style.css. */
export const wide = watched("(min-width: 900px)");

/** Used with a finger, and so with a camera and a keyboard on the screen. */
export const touched = watched("(pointer: coarse)");
