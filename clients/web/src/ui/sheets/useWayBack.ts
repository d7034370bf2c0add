import { useLayoutEffect, useRef } from "preact/hooks";
import { settled, stepBack, wasOwn } from "../../state/page/steps";

/** What lies over the page, the uppermost last. */
const over: { id: number; leave(): void }[] = [];

let last = 0;

interface Mark {
  over?: number;
}

const marked = () => (history.state as Mark | null)?.over;

function mark(id: number): void {
  history.pushState({ over: id } satisfies Mark, "");
}

addEventListener("popstate", () => {
  if (wasOwn()) return;
  const top = over.at(-1);
  if (!top) return;
  // Put back at once: whether the user may leave is not known yet.
  mark(top.id);
  top.leave();
});

// A page that was loaded anew has nothing over it: the way back is not to lead to that first.
if (marked() !== undefined) stepBack();

/** Lets the way back of a phone or a browser leave what lies over the page, instead of the page. */
export function useWayBack(leave: () => void): void {
  const latest = useRef(leave);
  latest.current = leave;
  // As soon as it is drawn: a step back before its mark is made would leave the page.
  useLayoutEffect(() => {
    const id = ++last;
    over.push({ id, leave: () => latest.current() });
    let here = true;
    settled(() => here && mark(id));
    return () => {
      here = false;
      over.splice(over.findIndex((each) => each.id === id), 1);
      // Where the user went on to another place, the way back leads from there.
      if (marked() !== id) return;
      stepBack();
    };
  }, []);
}
