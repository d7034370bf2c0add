import { useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import { between, moved, resized, type Box, type Place, type Point } from "../../state/form/places";
import type { Size } from "../../state/form/sizes";
import { t } from "./words";

/** Shares of a side that a finger moves before it means a box and no tap. */
const MEANT = 0.03;

/** What an arrow key moves or resizes by. */
const STEP = 0.05;

const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -STEP, y: 0 },
  ArrowRight: { x: STEP, y: 0 },
  ArrowUp: { x: 0, y: -STEP },
  ArrowDown: { x: 0, y: STEP },
};

interface FrameProps {
  size: Size;
  /** The picture that is started from, if any. */
  under: string | undefined;
  places: readonly Place[];
  /** Whether there may be one more. */
  room: boolean;
  add(box: Box): void;
  put(at: number, box: Box): void;
  remove(at: number): void;
}

type Drag = { id: number; from: Point } & ({ what: "new" } | { what: "move" | "resize"; at: number; box: Box });

/** A small frame of the picture's shape, in which boxes are drawn, moved and made larger. */
export function Frame({ size, under, places, room, add, put, remove }: FrameProps) {
  const element = useRef<HTMLDivElement>(null);
  const drag = useRef<Drag | null>(null);
  const drawn = useSignal<Box | null>(null);
  const help = useId();

  const point = (event: PointerEvent): Point => {
    const { left, top, width, height } = element.current!.getBoundingClientRect();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
  };
  const begin = (event: PointerEvent) => {
    if (drag.current || event.button) return;
    const hit = event.target as HTMLElement;
    const at = Number(hit.closest<HTMLElement>("[data-place]")?.dataset.place ?? -1);
    const box = places[at]?.box;
    if (!box && !room) return;
    const what = hit.classList.contains("corner") ? "resize" : "move";
    drag.current = { id: event.pointerId, from: point(event), ...(box ? { what, at, box } : { what: "new" }) };
    element.current!.setPointerCapture(event.pointerId);
  };
  const go = (event: PointerEvent) => {
    const { current } = drag;
    if (current?.id !== event.pointerId) return;
    const to = point(event);
    const by = { x: to.x - current.from.x, y: to.y - current.from.y };
    if (current.what === "move") put(current.at, moved(current.box, by.x, by.y));
    else if (current.what === "resize") put(current.at, resized(current.box, by.x, by.y));
    else drawn.value = Math.hypot(by.x, by.y) > MEANT ? between(current.from, to) : null;
  };
  const end = (event: PointerEvent) => {
    if (drag.current?.id !== event.pointerId) return;
    drag.current = null;
    const box = drawn.peek();
    drawn.value = null;
    if (box && event.type === "pointerup") add(box);
  };
  return (
    <>
      <div
        ref={element}
        class="places"
        role="group"
        aria-label={t("frame")}
        style={{ "--shape": size.width / size.height }}
        onPointerDown={begin}
        onPointerMove={go}
        onPointerUp={end}
        onPointerCancel={end}
      >
        {under && <img src={under} alt="" draggable={false} />}
        {places.map(({ box, prompt }, at) =>
          box ? (
            <button
              key={at}
              type="button"
              class="place"
              data-place={at}
              style={styled(box, at)}
              aria-label={`${t("box", at + 1, prompt.trim() || t("empty"))}, ${told(box)}`}
              aria-describedby={help}
              onKeyDown={(event) => {
                if (event.key === "Delete" || event.key === "Backspace") {
                  event.preventDefault();
                  remove(at);
                  element.current!.querySelector("button")?.focus();
                  return;
                }
                const by = ARROWS[event.key];
                if (!by) return;
                event.preventDefault();
                put(at, event.shiftKey ? resized(box, by.x, by.y) : moved(box, by.x, by.y));
              }}
            >
              <b>{at + 1}</b>
              <span class="corner" />
            </button>
          ) : null,
        )}
        {drawn.value && <span class="place" style={styled(drawn.value, places.length)} />}
      </div>
      <p id={help} class="unseen">
        {t("keys")}
      </p>
    </>
  );
}

/** Where a box is, as it is read out. */
export function told({ left, top, width, height }: Box): string {
  const percent = (share: number) => Math.round(share * 100);
  return t("where", percent(left), percent(top), percent(width), percent(height));
}

/** Colours that are far apart, one after another. */
const TURN = 67;

function styled({ left, top, width, height }: Box, at: number) {
  const percent = (share: number) => `${share * 100}%`;
  return { left: percent(left), top: percent(top), width: percent(width), height: percent(height), "--hue": at * TURN };
}
