import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import "./fold.css";
import { Icon } from "./Icon";

/** Milliseconds in which what is in it may come later than the tap, such as a room that is loaded. */
const COMING = 1000;

interface FoldProps {
  title: ComponentChildren;
  open: boolean;
  /** Called when it was opened or closed, by hand or by `open`. */
  toggled(open: boolean): void;
  children: ComponentChildren;
}

/** What is behind its name until somebody wants it. What was opened by hand comes into sight. */
export function Fold({ title, open, toggled, children }: FoldProps) {
  const byHand = useRef(false);
  return (
    <details
      class="fold"
      open={open}
      onToggle={(event) => {
        const element = event.currentTarget;
        if (element.open && byHand.current) bringIntoSight(element);
        byHand.current = false;
        toggled(element.open);
      }}
    >
      <summary onClick={() => (byHand.current = true)}>
        <Icon name="unfold" />
        {title}
      </summary>
      {/* Browsers put what is in `details` into a box of their own, which lies out nothing. */}
      <div class="fold-inside">{children}</div>
    </details>
  );
}

/** As much of it as fits, its name first, as it grows. */
function bringIntoSight(element: HTMLElement): void {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const grown = new ResizeObserver(() => {
    element.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "nearest" });
  });
  grown.observe(element);
  setTimeout(() => grown.disconnect(), COMING);
}
