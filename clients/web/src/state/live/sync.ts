/** Keeps the page at one with the server: one event stream, through sleep and broken networks. */
import { readMe } from "../../api/devices";
import { Refused } from "../../api/errors";
import { follow, type Frame } from "../../api/events";
import { loadAlbums } from "./albums";
import { connection, me } from "./connection";
import * as jobs from "./jobs";
import { loadModels, waiting } from "../form/models";
import { sendWaiting } from "./outgoing";
import { heardOf } from "./traces";

/** Milliseconds of silence after which the connection is dead; the server speaks every 15 s. */
const SILENCE = 35_000;

/** Of a page that comes back into sight, which may have slept. */
const SHORT_SILENCE = 16_000;

/** Milliseconds for a connection to come about: on a network that was left nothing ever answers. */
const PATIENCE = 8_000;

/** Milliseconds without a connection after which the user is told; a first one takes its time. */
const NOTICED = { lost: 2_000, connecting: 6_000 };

/** Milliseconds before the next try; the last one over and over. */
const PAUSES = [250, 500, 1000, 2000, 4000];

/** Milliseconds between two looks for a worker, as long as none is there. */
const LOOK = 5_000;

/** Milliseconds for a job's own answer to come before others are asked what it is. */
const SOON = 200;

let after: string | null = null;
let heardAt = 0;
/** Whether the server answered, and so has to be heard of every now and then. */
let answered = false;
let stream: AbortController | null = null;
/** Since when there is no connection; null while there is one. */
let lostAt: number | null = null;
let wake: (() => void) | null = null;
let running = false;

/** Begins, once. */
export function start(): void {
  if (running) return;
  running = true;
  void keep();
  setInterval(watch, 500);
  setInterval(() => {
    const seen = connection.peek() === "online" && document.visibilityState === "visible";
    if (seen && waiting.peek()) void loadModels().catch(() => undefined);
  }, LOOK);
  addEventListener("online", hurry);
  addEventListener("offline", () => stream?.abort());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") return;
    if (Date.now() - heardAt > SHORT_SILENCE) stream?.abort();
    hurry();
  });
}

/** Begins anew: this device was let in, or speaks to another server. */
export function restart(): void {
  after = null;
  jobs.clear();
  connection.value = "connecting";
  stream?.abort();
  hurry();
}

async function keep(): Promise<never> {
  for (let failures = 0; ; ) {
    const tried = new AbortController();
    stream = tried;
    lostAt ??= Date.now();
    heardAt = Date.now();
    answered = false;
    try {
      await follow(
        after,
        {
          open: () => {
            heardAt = Date.now();
            answered = true;
            void opened(tried).then((whole) => {
              if (whole) failures = 0;
            });
          },
          heard: () => {
            heardAt = Date.now();
          },
          frame,
        },
        tried.signal,
      );
    } catch (error) {
      if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
        lostAt = null;
        connection.value = "locked";
        me.value = null;
        await sleep(3_600_000);
        continue;
      }
    }
    lostAt ??= Date.now();
    if (!navigator.onLine) connection.value = "offline";
    await sleep(PAUSES[Math.min(failures, PAUSES.length - 1)]!);
    failures++;
  }
}

/** Everything that may have changed while there was no connection. Whether it all came. */
async function opened(tried: AbortController): Promise<boolean> {
  try {
    const [who] = await Promise.all([readMe(), jobs.refresh(), loadModels()]);
    if (tried.signal.aborted) return false;
    me.value = who;
    lostAt = null;
    connection.value = "online";
    void sendWaiting();
    void loadAlbums().catch(() => undefined);
    return true;
  } catch {
    // Half a connection: tried again as a whole.
    tried.abort();
    return false;
  }
}

const unknown = new Set<string>();

function frame({ id, event }: Frame): void {
  if (event?.event === "trace") heardOf(event);
  else if (event && jobs.apply(event)) {
    // One question for all of them: after a long sleep there may be hundreds.
    if (!unknown.size) setTimeout(meet, SOON);
    unknown.add(event.job);
  }
  if (id) after = id;
}

/** Jobs that another device made; those of this one are known by then from their own answer. */
function meet(): void {
  const strangers = [...unknown].some((id) => !jobs.find(id));
  unknown.clear();
  if (strangers) void jobs.refresh().catch(() => undefined);
}

function watch(): void {
  const silent = Date.now() - heardAt;
  if (silent > (answered ? SILENCE : PATIENCE)) stream?.abort();
  if (lostAt === null || connection.peek() === "locked") return;
  // A server that restarts ends its streams and is back before anybody would notice.
  const grace = connection.peek() === "connecting" ? NOTICED.connecting : NOTICED.lost;
  if (Date.now() - lostAt > grace) connection.value = "offline";
}

function hurry(): void {
  wake?.();
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
