import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { number, dimensions } from "../../i18n";
import { NO_EDGES, type Edges } from "../../state/form/input";
import { model } from "../../state/form/models";
import { Icon } from "../../ui/Icon";
import { Frame } from "../Frame";
import type { EditorProps } from "../props";
import { fit, panned, type Size, type View } from "../view";
import { t } from "../words";
import { adds, dragged, grown, HANDLES, most, SIDES, withSide, type Handle, type Limits, type Side } from "./edges";

/** What servers allow as they come, until this one's answer is here. */
const USUAL: Limits = { width: 2048, height: 2048, pixels: 4_194_304, factor: 8 };

/** Dragging the edges of a picture outward: what is added is painted to go with it. */
export function Grow({ input, done, close }: EditorProps) {
  const edges = useSignal(input.expand);
  const stage = useSignal<Size>({ width: 0, height: 0 });
  /** Where the picture was when a drag began; else it is kept in the middle. */
  const still = useSignal<View | null>(null);
  const limits = useComputed<Limits>(() => {
    const { limits: given, factor } = model.value ?? {};
    if (!given || !factor) return USUAL;
    return { width: given.max_width, height: given.max_height, pixels: given.max_pixels, factor };
  });
  /** Whether the picture glides to the middle: after the user did something, and not at first. */
  const touched = useSignal(false);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { current } = element;
    const resized = () => {
      stage.value = { width: current!.clientWidth, height: current!.clientHeight };
    };
    resized();
    const observer = new ResizeObserver(resized);
    observer.observe(current!);
    return () => observer.disconnect();
  }, []);

  const set = (next: Edges) => {
    touched.value = true;
    edges.value = next;
  };
  const now = grown(input, edges.value);
  const view = still.value ?? middle(input, edges.value, stage.value);
  const changed = () => SIDES.some((side) => edges.peek()[side] !== input.expand[side]);
  return (
    <Frame title={t("growTitle")} changed={changed} done={() => done({ expand: edges.peek() })} close={close}>
      <div ref={element} class={touched.value && !still.value ? "stage settling" : "stage"} tabIndex={-1} role="group" aria-label={t("frame")}>
        <div
          class="added"
          style={{
            left: `${view.x - edges.value.left * view.scale}px`,
            top: `${view.y - edges.value.top * view.scale}px`,
            width: `${now.width * view.scale}px`,
            height: `${now.height * view.scale}px`,
          }}
        >
          <span class="measure" aria-hidden="true">
            {written(now)}
          </span>
          {HANDLES.map((handle) => (
            <Grip
              key={handle}
              handle={handle}
              begin={() => (still.value = view)}
              drag={(from, by) => {
                const pixels = { x: by.x / view.scale, y: by.y / view.scale };
                set(dragged(input, from, handle, pixels, limits.peek()));
              }}
              end={() => (still.value = null)}
              edges={() => edges.peek()}
            />
          ))}
        </div>
        <img
          src={input.url}
          alt=""
          draggable={false}
          width={input.width}
          height={input.height}
          style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}
        />
      </div>
      <div class="controls">
        <p class="muted said" role="status">
          {said(input, edges.value, limits.value)}
        </p>
        <fieldset class="sides">
          <legend>{t("add")}</legend>
          {SIDES.map((side) => (
            <Field
              key={side}
              side={side}
              value={edges.value[side]}
              most={most(input, edges.value, side, limits.value)}
              factor={limits.value.factor}
              set={(pixels) => set(withSide(input, edges.peek(), side, pixels, limits.peek()))}
            />
          ))}
        </fieldset>
        <div class="again">
          <p class="muted">{t("steps", limits.value.factor)}</p>
          <button type="button" disabled={!adds(edges.value)} onClick={() => set(NO_EDGES)}>
            <Icon name="undo" />
            {t("reset")}
          </button>
        </div>
      </div>
    </Frame>
  );
}

interface GripProps {
  handle: Handle;
  begin(): void;
  /** Dragged by so many pixels of the screen since the edges were `from`. */
  drag(from: Edges, by: { x: number; y: number }): void;
  end(): void;
  edges(): Edges;
}

function Grip({ handle, begin, drag, end, edges }: GripProps) {
  const start = useRef<{ id: number; x: number; y: number; edges: Edges } | null>(null);
  const up = () => {
    start.current = null;
    end();
  };
  return (
    <div
      class={`grip ${handle}`}
      onPointerDown={(event) => {
        if (start.current || event.button) return;
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { id: event.pointerId, x: event.clientX, y: event.clientY, edges: edges() };
        begin();
      }}
      onPointerMove={(event) => {
        const from = start.current;
        if (from?.id !== event.pointerId) return;
        drag(from.edges, { x: event.clientX - from.x, y: event.clientY - from.y });
      }}
      onPointerUp={up}
      onPointerCancel={up}
    />
  );
}

function Field(props: { side: Side; value: number; most: number; factor: number; set(pixels: number): void }) {
  return (
    <label>
      {t(props.side)}
      <input
        type="number"
        inputMode="numeric"
        min="0"
        max={props.most}
        step={props.factor}
        value={props.value}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          // What is behind the editor is a form, and must not be sent by it.
          event.preventDefault();
          event.currentTarget.blur();
        }}
        onChange={(event) => {
          props.set(event.currentTarget.valueAsNumber);
          // What was typed may have been brought to the value that was there.
          event.currentTarget.value = String(props.value);
        }}
      />
    </label>
  );
}

/** The picture so that all of it is seen with what is added, and room round it to drag into. */
function middle(picture: Size, edges: Edges, stage: Size): View {
  const room = Math.max(40, 0.2 * Math.min(stage.width, stage.height));
  const frame = fit(grown(picture, edges), stage, room);
  return panned(frame, { x: edges.left * frame.scale, y: edges.top * frame.scale });
}

function said(picture: Size, edges: Edges, limits: Limits): string {
  if (adds(edges)) return t("becomes", written(picture), written(grown(picture, edges)));
  const room = SIDES.some((side) => most(picture, edges, side, limits) > 0);
  return room ? t("drag") : t("full", written({ width: limits.width, height: limits.height }));
}

function written({ width, height }: Size): string {
  return dimensions(number(width), number(height));
}
