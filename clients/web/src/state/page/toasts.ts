/** Short words at the edge of the page, some with something to do about it. */
import { signal } from "@preact/signals";

export interface Toast {
  readonly id: number;
  readonly text: string;
  /** The picture that it speaks of, by its address. */
  readonly picture?: string | undefined;
  readonly action?: { label: string; run(): void };
  /** Keeps it for as long as somebody is at it: a pointer, or the focus. */
  hold(): void;
  /** Lets it go, as long after as it would have stayed. */
  release(): void;
}

interface More {
  /** Called when it has gone without its action having been taken. */
  gone?(): void;
  picture?: string | undefined;
  /** Milliseconds that it stays. */
  stay?: number;
}

export const toasts = signal<readonly Toast[]>([]);

let last = 0;

/** Milliseconds that a toast stays. */
export const STAY = 6000;

/** Of one that tells of a loss: long enough to see it, think, and take it back. */
export const STAY_TO_UNDO = 12_000;

/** Says something. */
export function toast(text: string, action?: Toast["action"], { gone, picture, stay = STAY }: More = {}): void {
  const id = ++last;
  const end = () => {
    clearTimeout(timer);
    toasts.value = toasts.peek().filter((each) => each.id !== id);
  };
  const begin = () =>
    setTimeout(() => {
      end();
      gone?.();
    }, stay);
  let timer = begin();
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    if (toasts.peek().some((each) => each.id === id)) timer = begin();
  };
  const run = () => {
    end();
    action?.run();
  };
  // Said once more it is not written twice; what can be taken back is, each for itself.
  const others = action ? toasts.peek() : toasts.peek().filter((each) => each.action || each.text !== text);
  toasts.value = [...others, { id, text, picture, hold, release, ...(action ? { action: { ...action, run } } : {}) }];
}
