import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { sameAgain, vary } from "../../actions/ask";
import { enlarge, useAsInput } from "../../actions/form";
import { save, share } from "../../actions/saving/keep";
import { original } from "../../actions/saving/original";
import { removePicture } from "../../actions/remove";
import { seenWhole, source } from "../../api/images";
import type { Output } from "../../api/types";
import { favour, favourites } from "../../state/live/albums";
import { find, ids, jobOf, reread } from "../../state/live/jobs";
import { collecting, comparing, linking } from "../../state/page/overlays";
import { toast } from "../../state/page/toasts";
import { askAgain } from "../../ui/pictures/again";
import { Icon, type IconName } from "../../ui/Icon";
import { later } from "../../ui/later";
import { sentence } from "../../ui/sentence";
import { picturesOfLive, seen, type Picture } from "../pictures";
import { t } from "../words";
import { leave, turnTo } from "./opening";
import { useHand } from "./useHand";
import "./viewer.css";

/** All that is known of a picture. */
const About = later(async () => (await import("./About")).About);

const ACTIONS: readonly [Parameters<typeof t>[0], IconName, (picture: Picture) => unknown][] = [
  ["album", "album", ({ output }) => (collecting.value = [output.id])],
  ["link", "link", ({ output }) => (linking.value = output)],
  ["enlarge", "expand", ({ job, output }) => enlarge(job, output)],
  ["again", "again", ({ job, output }) => sameAgain(job, output)],
  ["vary", "vary", ({ job, output }) => vary(job, output)],
  ["start", "image", ({ output }) => useAsInput(output)],
  ["save", "download", ({ job, output }) => save(output, job)],
  ["share", "share", ({ job, output }) => share(output, job)],
];

/** Times that a picture is enlarged until somebody asks for more. */
const SHARP = 2;

/** A picture that fills the screen, among those beside it. */
export function Viewer({ id, pictures }: { id: string; pictures: readonly Picture[] }) {
  const among = pictures.some((each) => each.output.id === id) ? pictures : alone(id);
  const at = among.findIndex((each) => each.output.id === id);
  const picture = among[at];

  const known = !!picture;
  useEffect(() => {
    if (known) return;
    const away = () => {
      toast(t("gone"));
      leave();
    };
    // Opened by its address, or of a job further back than what is loaded.
    reread(jobOf(id)).then(() => !alone(id).length && away(), away);
  }, [id, known]);

  if (!picture) return <div class="viewer dark" aria-hidden="true" />;
  return <Stage among={among} at={at} picture={picture} />;
}

/** The pictures of this one's job. The list is read, so that this is drawn again when it comes. */
function alone(id: string): readonly Picture[] {
  const live = ids.value ? find(jobOf(id)) : undefined;
  const found = live ? picturesOfLive(live) : [];
  return found.some((each) => each.output.id === id) ? found : [];
}

function Stage({ among, at, picture }: { among: readonly Picture[]; at: number; picture: Picture }) {
  const { output } = picture;
  const dialog = useRef<HTMLDivElement>(null);
  const go = (by: -1 | 1) => {
    const next = among[at + by];
    if (next) turnTo(next.output.id);
    return !!next;
  };
  const { stage, turn, onward } = useHand(output.id, { turn: go, close: leave });

  useLayoutEffect(() => {
    // All but the words at the edge of the page, which may have something to undo.
    const bar = document.querySelector<HTMLElement>("header.bar");
    if (bar) bar.inert = true;
    dialog.current!.focus({ preventScroll: true });
    return () => {
      if (bar) bar.inert = false;
    };
  }, []);

  // At hand by the time that it is to be shared or its recipe copied.
  useEffect(() => {
    const timer = setTimeout(() => void original(output).catch(() => undefined), 600);
    return () => clearTimeout(timer);
  }, [output.id]);

  const away = () => {
    const other = among[at + 1] ?? among[at - 1];
    removePicture(find(picture.job.id)?.job.peek() ?? picture.job, output);
    if (other) turnTo(other.output.id);
    else leave();
  };
  const keys: Record<string, () => unknown> = {
    Escape: leave,
    ArrowLeft: () => turn(onward() > 0 ? -1 : 1),
    ArrowRight: () => turn(onward()),
    Delete: away,
  };
  const does = useRef(keys);
  does.current = keys;
  // From the moment that it is seen: a key pressed then is meant for it.
  useLayoutEffect(() => {
    // Of the whole page: a toast's button that is gone leaves the focus nowhere.
    const pressed = (event: KeyboardEvent) => {
      const run = does.current[event.key];
      if (!run || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      run();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);

  return (
    <div
      ref={dialog}
      class="viewer dark"
      role="dialog"
      aria-modal="true"
      aria-label={picture.job.input.prompt || t("untitled")}
      tabIndex={-1}
    >
      <div class="stage" ref={stage}>
        <div class="track">
          {[-1, 0, 1].map((by) => {
            const each = among[at + by];
            return each && <Slide key={each.output.id} picture={each} by={by} />;
          })}
        </div>
      </div>
      <div class="over">
        <button type="button" class="plain" aria-label={t("close")} onClick={leave}>
          <Icon name="close" />
        </button>
      </div>
      {([-1, 1] as const).map(
        (by) =>
          among[at + by] && (
            <button
              key={by}
              type="button"
              class={by < 0 ? "plain side before" : "plain side after"}
              aria-label={t(by < 0 ? "previous" : "next")}
              onClick={() => go(by)}
            >
              <Icon name={by < 0 ? "back" : "forward"} />
            </button>
          ),
      )}
      <aside class="under">
        <div class="doings captioned">
          <Favourite id={output.id} />
          {ACTIONS.map(([name, icon, run]) => (
            <button
              key={name}
              type="button"
              class="plain"
              onClick={() => void run(picture)}
            >
              <Icon name={icon} />
              {t(name as "again")}
            </button>
          ))}
          <BeforeAfter picture={picture} />
          <button type="button" class="plain" data-about={output.id} onClick={away}>
            <Icon name="trash" />
            {t("remove")}
          </button>
        </div>
        <About picture={picture} />
      </aside>
    </div>
  );
}

function Favourite({ id }: { id: string }) {
  const on = favourites.value.has(id);
  return (
    <button
      type="button"
      class="plain favourite"
      aria-pressed={on}
      onClick={() => void favour([id], !on).catch((error: unknown) => toast(sentence(error, false)))}
    >
      <Icon name="star" />
      {t("favourite")}
    </button>
  );
}

/** Lays a picture over the one that it was made from. */
function BeforeAfter({ picture: { job: given, output } }: { picture: Picture }) {
  const job = find(given.id)?.job.value ?? given;
  const before = job.pictures.find((each) => each.pointer === "/image");
  if (!before) return null;
  return (
    <button
      type="button"
      class="plain"
      onClick={() => (comparing.value = [{ url: seenWhole({ ...before, width: output.width }), name: t("before") }, { url: seenWhole(output), name: t("after") }])}
    >
      <Icon name="compare" />
      {t("beforeAfter")}
    </button>
  );
}

/** What stands in the place of a large picture until all of it has come. */
function until(output: Output): string {
  const whole = seenWhole(output);
  if (whole === source(output)) return "";
  return [whole, seen.get(output.id)].flatMap((url) => (url ? `url("${url}")` : [])).join();
}

function Slide({ picture: { job, output }, by }: { picture: Picture; by: number }) {
  const place = by < 0 ? { "data-before": true } : by > 0 ? { "data-after": true } : { "data-current": true };
  return (
    <figure {...place} aria-hidden={by ? "true" : undefined}>
      <img
        src={by ? seenWhole(output) : source(output)}
        alt={job.input.prompt || t("untitled")}
        width={output.width}
        height={output.height}
        draggable={false}
        onError={askAgain}
        onLoad={({ currentTarget }) => (currentTarget.style.backgroundImage = "")}
        style={{ backgroundImage: by ? "" : until(output), width: `min(100%, ${output.width * SHARP}px)`, aspectRatio: `${output.width} / ${output.height}` }}
      />
    </figure>
  );
}
