import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { jobOf } from "../../state/live/jobs";
import { chooseTo, toggle } from "../choose/selection";
import type { Picture } from "../pictures";
import { t } from "../words";
import { asRead, boxesOf, heightOf, moved, rowOf, rowsIn, rowsOf, shape } from "./layout";
import { left, noteSpeed } from "./scroll";
import { Thumb } from "./Thumb";

/** What the grid keeps in the page beyond what is in sight, in heights of the window. */
const BEYOND = 0.75;

/** Heights of the window before the end at which more is fetched. */
const AHEAD = 3;

interface Props {
  pictures: readonly Picture[];
  /** Whether these are all. */
  whole: boolean;
  /** The picture that was looked at last, which is to be in sight. */
  at: string | null;
  more(): void;
}

/** All pictures, of which the page has only those that are near. */
export function Grid({ pictures: every, whole, at, more }: Props) {
  const list = useRef<HTMLUListElement>(null);
  const width = useSignal(left.width);
  const seen = useSignal({ top: 0, bottom: innerHeight });
  const focused = useSignal(0);
  /** The newest job when the top was left: what comes later waits there, and nothing jumps. */
  const newest = useSignal<string | null>(null);

  const first = newest.value === null ? 0 : every.findIndex((each) => each.job.id <= newest.value!);
  const waiting = Math.max(0, first);
  const pictures = useMemo(() => (waiting ? every.slice(waiting) : every), [every, waiting]);
  const shapes = useMemo(() => pictures.map(({ output }) => shape(output.width, output.height)), [pictures]);
  const rows = useMemo(() => (width.value ? rowsOf(shapes, width.value) : []), [shapes, width.value]);
  const height = heightOf(rows);

  // The picture at the top of the window, and how far it is from there.
  const anchor = useRef<{ id: string; offset: number } | null>(null);
  const look = () => {
    const element = list.current;
    if (!element) return;
    const top = -element.getBoundingClientRect().top;
    left.y = scrollY;
    noteSpeed(scrollY);
    const step = innerHeight / 4;
    const from = Math.floor(top / step) * step;
    if (from !== seen.peek().top) seen.value = { top: from, bottom: from + innerHeight + step };
    const row = rows[rowsIn(rows, top, top + 1)[0]];
    anchor.current = row && top > 0 ? { id: pictures[row.from]!.output.id, offset: top - row.y } : null;
    if (top <= 0) newest.value = null;
    else newest.value ??= pictures[0] ? jobOf(pictures[0].output.id) : null;
  };
  const looking = useRef(look);
  looking.current = look;

  useLayoutEffect(() => {
    const measure = () => {
      width.value = left.width = list.current!.clientWidth;
      looking.current();
    };
    // In the next frame: it lays its rows out anew, and what an observer changes at once is observed
    // again, which Firefox reports as a loop.
    let frame = 0;
    const observer = new ResizeObserver(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(measure);
    });
    observer.observe(list.current!);
    measure();
    const scrolled = () => looking.current();
    addEventListener("scroll", scrolled, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      removeEventListener("scroll", scrolled);
    };
  }, []);

  // Back to where the user was, as soon as there is something to scroll.
  const returned = useRef(false);
  useLayoutEffect(() => {
    if (returned.current || !height) return;
    returned.current = true;
    scrollTo(0, left.y);
  }, [height]);

  // Other rows, such as after a turn of the phone: the same picture stays at the top.
  const before = useRef(rows);
  useLayoutEffect(() => {
    const held = anchor.current;
    const index = held && before.current.length ? pictures.findIndex(({ output }) => output.id === held.id) : -1;
    before.current = rows;
    if (!held || index < 0 || !list.current) return;
    const top = -list.current.getBoundingClientRect().top;
    const wanted = rows[rowOf(rows, index)]!.y + held.offset;
    if (Math.abs(wanted - top) > 1) scrollBy(0, wanted - top);
  }, [rows]);

  const near = height - seen.value.bottom < innerHeight * AHEAD;
  useEffect(() => {
    if (near && !whole && width.value) more();
  }, [near, whole, every, more]);

  const show = (index: number) => {
    focused.value = index;
    const row = rows[rowOf(rows, index)]!;
    const box = list.current!.getBoundingClientRect();
    const [top, bottom] = [box.top + row.y, box.top + row.y + row.height];
    if (top < 80) scrollBy(0, top - 80);
    else if (bottom > innerHeight - 80) scrollBy(0, bottom - innerHeight + 80);
    looking.current();
    // It may only now come into the page.
    requestAnimationFrame(() => {
      list.current?.querySelector<HTMLElement>(`[data-picture="${index}"]`)?.focus({ preventScroll: true });
    });
  };
  useEffect(() => {
    const index = at ? pictures.findIndex(({ output }) => output.id === at) : -1;
    if (index < 0 || !rows.length) return;
    show(index);
  }, [at]);

  const { top, bottom } = seen.value;
  const [from, to] = rowsIn(rows, top - innerHeight * BEYOND, bottom + innerHeight * BEYOND);
  const inPage = rows.slice(from, to);
  // What has the focus stays, or the keyboard would start over.
  const keep = focused.value < pictures.length ? rows[rowOf(rows, focused.value)] : undefined;
  if (keep && !inPage.includes(keep)) inPage.push(keep);

  return (
    <>
      {waiting > 0 && (
        <button type="button" class="news primary" onClick={() => scrollTo({ top: 0, behavior: "smooth" })}>
          {t("news", waiting)}
        </button>
      )}
      <ul
        ref={list}
        class="grid"
        aria-label={t("pictures")}
        style={{ height: `${height}px` }}
        onKeyDown={(event) => {
          if (!/^Arrow|^Home$|^End$/.test(event.key) || !rows.length) return;
          event.preventDefault();
          show(moved(rows, shapes, focused.peek(), asRead(event.key, event.currentTarget)));
        }}
      >
        {inPage.flatMap((row) =>
          boxesOf(row, shapes).map((box, index) => {
            const place = row.from + index;
            const picture = pictures[place]!;
            return (
              <Thumb
                key={picture.output.id}
                picture={picture}
                box={box}
                place={place}
                of={whole ? pictures.length : -1}
                focusable={place === Math.min(focused.value, pictures.length - 1)}
                focus={() => (focused.value = place)}
                choose={(along) => (along ? chooseTo(pictures, place) : toggle(picture))}
              />
            );
          }),
        )}
      </ul>
    </>
  );
}
