/** Keeps the second tap of a double tap from what the first one brought under the finger. */

/** Milliseconds and pixels between two taps that are one double tap. */
const [SOON, CLOSE_BY] = [400, 30];

/** A press of a finger or a mouse, and what it was on. */
export interface Tap {
  readonly on: unknown;
  /** What a tap there does just now: one button may be the one for another thing by the next tap. */
  readonly means: string;
  readonly x: number;
  readonly y: number;
  /** In milliseconds. */
  readonly at: number;
}

/** Tells taps that were meant for what they hit from those that were not. */
export class Taps {
  private last: Tap | null = null;

  /** Whether this comes so soon after a tap at the same place that it was meant for what was there. */
  stray(tap: Tap): boolean {
    const { last } = this;
    if (!last || tap.at - last.at > SOON || Math.hypot(tap.x - last.x, tap.y - last.y) > CLOSE_BY) return false;
    return tap.on !== last.on || tap.means !== last.means;
  }

  /** Whether a tap may go on to what it hit. One that may not keeps the next from it as well. */
  take(tap: Tap): boolean {
    const stray = this.stray(tap);
    this.last = stray ? { ...this.last!, at: tap.at } : tap;
    return !stray;
  }
}

/** What takes a tap: the nearest of these round what was hit. */
const TAKES = "a, button, input, select, textarea, summary, label, [role='button'], [role='checkbox'], [role='option']";

/** `data-about` says whose button it is, where one button serves one thing after the other. */
function tapOf(event: Event, { clientX: x, clientY: y }: Pick<Touch, "clientX" | "clientY">): Tap {
  const hit = event.target as Element;
  const near = hit.closest?.(TAKES) ?? hit;
  // Its label's tap and its own are the same.
  const on = (near instanceof HTMLLabelElement && near.control) || near;
  const name = on.matches?.("a, button, summary") ? (on.getAttribute("aria-label") ?? on.textContent) : "";
  const about = (on as HTMLElement).dataset?.["about"] ?? "";
  return { on, means: `${about} ${name}`, x, y, at: event.timeStamp };
}

/** Watches over the whole page. */
export function installTaps(): void {
  const taps = new Taps();
  const drop = (event: Event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  const pressed = (event: MouseEvent) => taps.stray(tapOf(event, event)) && drop(event);
  addEventListener("pointerdown", pressed, true);
  addEventListener("mousedown", pressed, true);
  // A slider jumps as soon as a finger is on it, whatever becomes of the pointer.
  const touched = (event: TouchEvent) => {
    const slider = (event.target as Element).matches('input[type="range"]');
    if (slider && taps.stray(tapOf(event, event.touches[0]!))) drop(event);
  };
  let timer = 0;
  addEventListener(
    "click",
    (event) => {
      // Of a key or of a script there is no place.
      if (!event.isTrusted || !event.detail) return;
      if (!taps.take(tapOf(event, event))) drop(event);
      // For this while only: a listener that may stop a touch makes each scroll wait for it.
      addEventListener("touchstart", touched, { capture: true, passive: false });
      clearTimeout(timer);
      timer = window.setTimeout(() => removeEventListener("touchstart", touched, true), SOON);
    },
    true,
  );
}
