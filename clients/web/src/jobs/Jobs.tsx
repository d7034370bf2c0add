import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { connection } from "../state/live/connection";
import { gridOf } from "../state/live/grids";
import { find, ids, loadOlder, more, onDone, reread } from "../state/live/jobs";
import { outgoing } from "../state/live/outgoing";
import { later } from "../ui/later";
import { useAttention } from "../ui/useAttention";
import { JobCard } from "./card/JobCard";
import { OutgoingCard } from "./card/OutgoingCard";
import { Canceled } from "./Canceled";
import { GRID, listed, LOOKED, type Listed } from "./listed";
import { named } from "./sentence";
import { t } from "./words";
import "./jobs.css";

/** Where many jobs wait. */
const Queue = later(async () => (await import("./Queue")).Queue);

const GridCard = later(async () => (await import("../grids/GridCard")).GridCard);

/** Jobs that are known when the newest of them were read. */
const A_PAGE = 60;

/** Milliseconds after which places in the queue are asked for again, and how long jobs take yet: no
 * event tells of them. */
const PLACES = 4000;

/** How many of each: those further back wait for long enough. */
const ASKED = 8;

/** What is under way, and the latest pictures; `welcome` where there are none yet. */
export function Jobs({ welcome }: { welcome: ComponentChildren }) {
  // A text, so that the list is drawn again only if it is another list.
  const text = useComputed(() => JSON.stringify(listed())).value;
  const { queue, canceled, cards, room } = JSON.parse(text) as Listed;
  const shown = queue.length + canceled.length + cards.length;
  const sending = [...outgoing.value].reverse();
  const section = useRef<HTMLElement>(null);
  useAttention("jobs", section);
  useEffect(askForPlaces, []);
  const [known, further] = [ids.value.length, more.value];
  useEffect(() => {
    // A long queue is the whole of the page that was read; the pictures are on those before it.
    if (room && further && known >= A_PAGE && known < LOOKED) void loadOlder().catch(() => undefined);
  }, [room, further, known]);
  return (
    <section ref={section} class="jobs" aria-label={t("heading")}>
      <Announcer />
      {shown + sending.length > 0 && (
        <>
          <h2>{t("heading")}</h2>
          {queue.length > 0 && <Queue ids={queue} />}
          {canceled.length > 0 && <Canceled ids={canceled} />}
          <div class="cards">
            {sending.map((entry) => (
              <OutgoingCard key={entry.key} entry={entry} />
            ))}
            {cards.map((id) =>
              id.startsWith(GRID) ? <GridCard key={id} id={id.slice(GRID.length)} /> : <JobCard key={id} id={id} />,
            )}
          </div>
        </>
      )}
      {!shown && !sending.length && connection.value === "online" && welcome}
      {(more.value || known > shown) && shown > 0 && (
        <a class="button" href="#/gallery">
          {t("all")}
        </a>
      )}
    </section>
  );
}

/** Says that a job ended to who does not see it. */
function Announcer() {
  const said = useSignal("");
  useEffect(
    () =>
      onDone((job) => {
        const { status, input } = job;
        // A grid says by itself how far it is.
        if (gridOf(job)) return;
        const key = status === "succeeded" ? "isDone" : status === "failed" ? "isFailed" : "isCanceled";
        said.value = t(key, named(input.prompt));
      }),
    [],
  );
  return (
    <p class="unseen" role="status">
      {said}
    </p>
  );
}

function askForPlaces(): () => void {
  const timer = setInterval(() => {
    if (connection.peek() !== "online" || document.visibilityState !== "visible") return;
    for (const status of ["queued", "running"]) {
      const open = ids.peek().slice(0, LOOKED).filter((id) => find(id)?.job.peek().status === status);
      // The oldest go first, and are the ones that move.
      for (const id of open.slice(-ASKED)) void reread(id).catch(() => undefined);
    }
  }, PLACES);
  return () => clearInterval(timer);
}
