/** Who takes what is dropped on the page, where it is not a picture for the form. */
import { signal } from "@preact/signals";

export interface Taker {
  /** What dropping does, as it is said while something is held over the page. */
  hint(): string;
  /** Takes the files; false where they are none for it. */
  take(files: readonly File[]): boolean;
}

export const taker = signal<Taker | null>(null);
