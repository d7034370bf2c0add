import { wide } from "./screen";

/** After something was asked for: what is being made comes into sight, and the keyboard of a phone goes. */
export function settle(): void {
  if (!wide.peek()) (document.activeElement as HTMLElement | null)?.blur();
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  // Once its card is there: before that a short page has nowhere to go.
  requestAnimationFrame(() => {
    const jobs = document.querySelector(".jobs");
    // On a desk it stands beside the form, and is out of sight only for who looks further down.
    if (jobs && (!wide.peek() || jobs.getBoundingClientRect().top < 0)) jobs.scrollIntoView({ behavior, block: "start" });
  });
}
