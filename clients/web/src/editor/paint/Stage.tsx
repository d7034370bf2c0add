import { useSignalEffect, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Input } from "../../state/form/input";
import { toStage } from "../view";
import { t } from "../words";
import { onStageKey } from "./keys";
import type { Painter } from "./painter";
import { MOVES, type Tool } from "./tool";

/** Tools whose size counts. */
const RINGED: ReadonlySet<Tool> = new Set(["brush", "eraser", "lasso"]);

interface StageProps {
  input: Input;
  painter: Painter;
  /** Set where the picture cannot be shown. */
  lost: Signal<boolean>;
}

/** The picture under its veil, and every way to point at it. Nothing here is drawn by Preact while
 * a finger moves: places are set on the elements themselves. */
export function Stage({ input, painter, lost }: StageProps) {
  const stage = useRef<HTMLDivElement>(null);
  const picture = useRef<HTMLImageElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const ring = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const element = stage.current!;
    const resized = () => painter.resize({ width: element.clientWidth, height: element.clientHeight });
    void painter.open(canvas.current!).catch(() => (lost.value = true));
    resized();
    const observer = new ResizeObserver(resized);
    observer.observe(element);
    const release = listen(element, painter);
    return () => {
      observer.disconnect();
      release();
    };
  }, [painter]);

  useSignalEffect(() => {
    const { x, y, scale } = painter.view.value;
    picture.current!.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  });
  useSignalEffect(() => {
    const [at, size] = [painter.cursor.value, painter.size.value];
    const { style } = ring.current!;
    const seen = at !== null && RINGED.has(painter.tool.value);
    style.opacity = seen ? "1" : "0";
    if (!seen) return;
    const { x, y } = toStage(painter.view.value, at);
    style.width = style.height = `${size}px`;
    style.transform = `translate(${x - size / 2}px, ${y - size / 2}px)`;
  });

  return (
    <div
      ref={stage}
      class={`stage paint ${painter.tool.value}`}
      tabIndex={0}
      role="application"
      aria-label={t("stage")}
      aria-describedby="editor-keys"
    >
      <img
        ref={picture}
        src={input.url}
        alt=""
        draggable={false}
        width={input.width}
        height={input.height}
        onError={() => (lost.value = true)}
      />
      <canvas ref={canvas} aria-hidden="true" />
      <div ref={ring} class="ring" />
      <p id="editor-keys" class="unseen">
        {t("keys")}
      </p>
      <Whereabouts input={input} painter={painter} />
    </div>
  );
}

/** Where the keyboard has moved the brush to, for those who do not see it. */
function Whereabouts({ input, painter }: { input: Input; painter: Painter }) {
  const at = painter.told.value;
  return (
    <p class="unseen" role="status">
      {at && t("at", Math.round((100 * at.x) / input.width), Math.round((100 * at.y) / input.height))}
    </p>
  );
}

/** Pixels of a wheel's notch, which zooms; two fingers on a pad send fewer, and move. */
const NOTCH = 40;

/** Hears all pointers, the wheel and the keys of the stage; returns what ends that. */
function listen(stage: HTMLElement, painter: Painter): () => void {
  const { gestures } = painter;
  let space: "up" | "down" | "used" = "up";

  const place = (event: MouseEvent) => {
    const { left, top } = stage.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const touch = (event: PointerEvent) => {
    painter.press(event.pointerType, event.pressure);
    return { id: event.pointerId, type: event.pointerType, time: event.timeStamp, ...place(event) };
  };
  const on: { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void } = {
    pointerdown: (event) => {
      if (event.button > 1) return;
      event.preventDefault();
      stage.focus({ preventScroll: true });
      stage.setPointerCapture(event.pointerId);
      const moves = event.button === 1 || space !== "up" || MOVES.has(painter.tool.peek());
      if (space === "down") space = "used";
      gestures.down(touch(event), moves);
    },
    pointermove: (event) => {
      const together = gestures.strokes(event.pointerId) ? (event.getCoalescedEvents?.() ?? []) : [];
      for (const each of together.length ? together : [event]) gestures.move(touch(each));
      painter.hover(event.pointerType === "touch" ? null : place(event));
    },
    pointerup: (event) => gestures.up(event.pointerId),
    pointercancel: (event) => gestures.up(event.pointerId, true),
    pointerleave: () => painter.hover(null),
    keydown: (event) => {
      if (event.key !== " ") {
        const drawing = space !== "up";
        if (drawing && event.key.startsWith("Arrow")) space = "used";
        return onStageKey(painter, event, drawing);
      }
      event.preventDefault();
      if (space === "up") space = "down";
    },
    keyup: (event) => {
      if (event.key !== " ") return;
      if (space === "down" || painter.drawing) painter.lift();
      space = "up";
    },
    blur: () => {
      if (painter.drawing) painter.lift();
      space = "up";
    },
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const pad = !event.ctrlKey && event.deltaMode === 0 && (event.deltaX !== 0 || Math.abs(event.deltaY) < NOTCH);
    if (pad) painter.pan({ x: -event.deltaX, y: -event.deltaY });
    else painter.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), place(event));
  };
  for (const [name, heard] of Object.entries(on)) stage.addEventListener(name, heard as EventListener);
  stage.addEventListener("wheel", wheel, { passive: false });
  return () => {
    for (const [name, heard] of Object.entries(on)) stage.removeEventListener(name, heard as EventListener);
    stage.removeEventListener("wheel", wheel);
  };
}
