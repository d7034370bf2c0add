import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { meant, toggled, TREMBLE, wayOf, WHOLE, within, zoomed, type Point, type Shown, type Way } from "./hand";

/** Milliseconds and pixels between two taps that are one double tap. */
const [SOON, CLOSE_BY] = [300, 40];

/** Milliseconds that a picture takes to where it goes by itself; as in gallery.css. */
const GLIDE = 220;

interface Does {
  /** -1 is to the picture before, 1 to the one after; false where there is none. */
  turn(by: -1 | 1): boolean;
  close(): void;
}

/**
 * Lets fingers, mouse and wheel act on the stage, whose track of pictures is its first child.
 * Follows the finger by the elements' styles alone: nothing is drawn anew meanwhile.
 */
export function useHand(id: string, does: Does) {
  const stage = useRef<HTMLDivElement>(null);
  const acts = useRef(does);
  acts.current = does;
  const shown = useRef<Shown>(WHOLE);

  const current = () => stage.current!.querySelector<HTMLElement>("[data-current] img")!;
  const track = () => stage.current!.firstElementChild as HTMLElement;
  const set = (next: Shown, glide = false) => {
    const image = current();
    shown.current = within(next, { width: image.offsetWidth, height: image.offsetHeight }, size());
    const { scale, x, y } = shown.current;
    image.classList.toggle("glide", glide);
    image.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
  };
  const size = () => ({ width: stage.current!.clientWidth, height: stage.current!.clientHeight });
  /** 1 where the next picture stands to the right, -1 where words run from right to left. */
  const onward = (): -1 | 1 => (getComputedStyle(stage.current!).direction === "rtl" ? -1 : 1);
  const drag = (x: number, y: number, glide = false) => {
    track().classList.toggle("glide", glide);
    track().style.transform = x || y ? `translate(${x}px, ${y}px)` : "";
    const viewer = stage.current!.parentElement!;
    viewer.style.setProperty("--veil", y > 0 ? String(Math.max(0.3, 1 - y / 500)) : "");
  };

  // The next picture stands where the last one was dragged to: nobody sees the change.
  useLayoutEffect(() => {
    drag(0, 0);
    shown.current = WHOLE;
    for (const image of stage.current!.querySelectorAll("img")) image.style.transform = "";
  }, [id]);

  const turn = (by: -1 | 1) => {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const room = size().width;
    if (!stage.current!.querySelector(by < 0 ? "[data-before]" : "[data-after]")) return drag(0, 0, true);
    if (still) return void acts.current.turn(by);
    drag(-by * onward() * room, 0, true);
    setTimeout(() => acts.current.turn(by), GLIDE);
  };

  useEffect(() => {
    const element = stage.current!;
    const fingers = new Map<number, Point>();
    let start: Point = { x: 0, y: 0 };
    let from: Shown = WHOLE;
    let spread = 0;
    let way: Way | "move" | "zoom" = null;
    let tracked: { x: number; y: number; at: number }[] = [];
    let tapped = { x: 0, y: 0, at: -Infinity };

    const fromMiddle = (x: number, y: number): Point => {
      const box = element.getBoundingClientRect();
      return { x: x - box.left - box.width / 2, y: y - box.top - box.height / 2 };
    };
    const both = () => {
      const [a, b] = [...fingers.values()] as [Point, Point];
      return {
        middle: fromMiddle((a.x + b.x) / 2, (a.y + b.y) / 2),
        spread: Math.hypot(a.x - b.x, a.y - b.y),
      };
    };
    const begin = () => {
      from = shown.current;
      if (fingers.size === 2) {
        const { middle, spread: apart } = both();
        [start, spread, way] = [middle, apart, "zoom"];
        drag(0, 0);
      } else {
        start = [...fingers.values()][0]!;
        way = shown.current.scale > 1 ? "move" : null;
        tracked = [];
      }
    };

    const down = (event: PointerEvent) => {
      if (event.button > 0 || fingers.size === 2) return;
      element.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      begin();
    };
    const move = (event: PointerEvent) => {
      if (!fingers.has(event.pointerId)) return;
      const { clientX: x, clientY: y } = event;
      fingers.set(event.pointerId, { x, y });
      if (way === "zoom") {
        const { middle, spread: apart } = both();
        const next = zoomed(from, apart / spread, start);
        set({ ...next, x: next.x + middle.x - start.x, y: next.y + middle.y - start.y });
        return;
      }
      const moved = { x: x - start.x, y: y - start.y };
      if (way === "move") return set({ ...from, x: from.x + moved.x, y: from.y + moved.y });
      way ??= wayOf(moved);
      tracked = [...tracked.filter((each) => each.at > event.timeStamp - 100), { x, y, at: event.timeStamp }];
      if (way === "turn") drag(moved.x, 0);
      if (way === "close") drag(0, Math.max(0, moved.y));
    };
    const up = (event: PointerEvent) => {
      const finger = fingers.get(event.pointerId);
      if (!finger) return;
      fingers.delete(event.pointerId);
      if (fingers.size) return begin();
      const moved = { x: finger.x - start.x, y: finger.y - start.y };
      const first = tracked[0];
      const time = first ? Math.max(1, event.timeStamp - first.at) : 1;
      const speed = { x: first ? (finger.x - first.x) / time : 0, y: first ? (finger.y - first.y) / time : 0 };
      if (event.type === "pointercancel") drag(0, 0, true);
      else if (way === "turn" && meant(moved.x, speed.x, size().width)) turn(moved.x * onward() < 0 ? 1 : -1);
      else if (way === "close" && meant(moved.y, speed.y, size().height)) acts.current.close();
      else if (way === "turn" || way === "close") drag(0, 0, true);
      else if (way !== "zoom" && Math.hypot(moved.x, moved.y) < TREMBLE) tap(finger, event.timeStamp);
    };
    const tap = ({ x, y }: Point, at: number) => {
      const again = at - tapped.at < SOON && Math.hypot(x - tapped.x, y - tapped.y) < CLOSE_BY;
      tapped = { x, y, at: again ? -Infinity : at };
      if (again) set(toggled(shown.current, fromMiddle(x, y)), true);
    };
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      set(zoomed(shown.current, Math.exp(-event.deltaY / 300), fromMiddle(event.clientX, event.clientY)));
    };
    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", up);
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      element.removeEventListener("pointerdown", down);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", up);
      element.removeEventListener("wheel", wheel);
    };
  }, []);

  return { stage, turn, onward };
}
