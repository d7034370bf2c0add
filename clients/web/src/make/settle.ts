import { wide } from "./screen";

/** After something was asked for on a phone: the keyboard goes, and what is being made comes into sight. */
export function settle(): void {
  if (wide.peek()) return;
  (document.activeElement as HTMLElement | null)?.blur();
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  // Once its card is there: before that a short page has nowhere to go.
  requestAnimationFrame(() => document.querySelector(".jobs")?.scrollIntoView({ behavior, block: "start" }));
}
