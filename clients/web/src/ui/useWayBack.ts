import { useEffect, useRef } from "preact/hooks";

/** What lies over the page, the uppermost last. */
const over: { id: number; leave(): void }[] = [];

let last = 0;

/** A step back that was taken here, and that the browser has not made yet. */
let leaving = false;

interface Mark {
  over?: true;
}

/** Has one step of the history stand for all that lies over the page, and none where nothing does. */
function settle(): void {
  if (leaving) return;
  const marked = Boolean((history.state as Mark | null)?.over);
  const wanted = over.length > 0;
  if (wanted === marked) return;
  if (wanted) {
    history.pushState({ over: true } satisfies Mark, "");
    return;
  }
  leaving = true;
  history.back();
}

addEventListener("popstate", () => {
  const asked = !leaving;
  leaving = false;
  // Put back at once where something is left: whether the user may leave it is not known yet.
  const top = over.at(-1);
  settle();
  if (asked) top?.leave();
});

/** Lets the way back of a phone or a browser leave what lies over the page, instead of the page. */
export function useWayBack(leave: () => void): void {
  const latest = useRef(leave);
  latest.current = leave;
  useEffect(() => {
    const id = ++last;
    over.push({ id, leave: () => latest.current() });
    settle();
    return () => {
      over.splice(over.findIndex((each) => each.id === id), 1);
      // Later: a link that was tapped here leads on first, and the way back is from there.
      setTimeout(settle);
    };
  }, []);
}
