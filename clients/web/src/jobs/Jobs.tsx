import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ENDED } from "../api/types";
import { connection } from "../state/live/connection";
import { gridOf } from "../state/live/grids";
import { find, ids, more, onDone, reread } from "../state/live/jobs";
import { outgoing } from "../state/live/outgoing";
import { later } from "../ui/later";
import { useAttention } from "../ui/useAttention";
import { JobCard } from "./card/JobCard";
import { OutgoingCard } from "./card/OutgoingCard";
import { Queue } from "./Queue";
import { named } from "./sentence";
import { t } from "./words";
import "./jobs.css";

/** Ended jobs that are shown here; all others are in the gallery. */
const LATEST = 12;

/** Unfinished jobs that each have a card; more of them stand in a queue of rows. */
const AS_CARDS = 3;

/** Jobs among which the unfinished ones are looked for; a grid may have many. */
const LOOKED = 300;

/** Of a grid, its cells being jobs of their own. */
const GRID = "grid:";

const GridCard = later(async () => (await import("../grids/GridCard")).GridCard);

/** Milliseconds after which places in the queue are asked for again: no event tells of them. */
const PLACES = 4000;

/** How many of them: those further back wait for long enough. */
const ASKED = 8;

/** What has a card: the newest first, a grid in the place of its newest cell. */
function entries(): string[] {
  const all = ids.value.slice(0, LOOKED).map((id) => {
    const job = find(id)?.job.peek();
    const grid = job && gridOf(job);
    return grid ? `${GRID}${grid}` : id;
  });
  return [...new Set(all)];
}

function isOpen(id: string): boolean {
  return !ENDED.has(find(id)?.job.value.status ?? "succeeded");
}

/** What is under way, and the latest pictures; `welcome` where there are none yet. */
export function Jobs({ welcome }: { welcome: ComponentChildren }) {
  // A text, so that the list is drawn again only if it is another list.
  const shown = useComputed(() =>
    entries()
      .filter((id, at) => at < LATEST || isOpen(id))
      .join(" "),
  ).value;
  const every = shown ? shown.split(" ") : [];
  const queued = useComputed(() => {
    const open = entries().filter(isOpen);
    return open.length > AS_CARDS ? open.join(" ") : "";
  }).value;
  const waiting = queued ? queued.split(" ") : [];
  const cards = every.filter((id) => !waiting.includes(id));
  const sending = [...outgoing.value].reverse();
  const section = useRef<HTMLElement>(null);
  useAttention("jobs", section);
  useEffect(askForPlaces, []);
  return (
    <section ref={section} class="jobs" aria-label={t("heading")}>
      <Announcer />
      {every.length + sending.length > 0 && (
        <>
          <h2>{t("heading")}</h2>
          {waiting.length > 0 && <Queue ids={waiting} />}
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
      {!every.length && !sending.length && connection.value === "online" && welcome}
      {(more.value || ids.value.length > every.length) && every.length > 0 && (
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
    const queued = ids.peek().slice(0, LOOKED).filter((id) => find(id)?.job.peek().status === "queued");
    // The oldest go first, and are the ones that move.
    for (const id of queued.slice(-ASKED)) void reread(id).catch(() => undefined);
  }, PLACES);
  return () => clearInterval(timer);
}
