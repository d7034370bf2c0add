/** Short words at the edge of the page, some with something to do about it. */
import { signal } from "@preact/signals";

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly action?: { label: string; run(): void };
}

export const toasts = signal<readonly Toast[]>([]);

let last = 0;

/** Milliseconds that a toast stays; with something to do, long enough to do it. */
export const STAY = 6000;

/** Says something. `gone` is called when it has gone without its action having been taken. */
export function toast(text: string, action?: Toast["action"], gone?: () => void): void {
  const id = ++last;
  const end = () => {
    toasts.value = toasts.peek().filter((each) => each.id !== id);
  };
  const timer = setTimeout(() => {
    end();
    gone?.();
  }, STAY);
  const run = () => {
    clearTimeout(timer);
    end();
    action?.run();
  };
  toasts.value = [...toasts.peek(), { id, text, ...(action ? { action: { ...action, run } } : {}) }];
}
