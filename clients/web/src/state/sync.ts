/** Keeps the page at one with the server: one event stream, through sleep and broken networks. */
import { Refused } from "../api/errors";
import { follow } from "../api/events";
import { get } from "../api/http";
import type { Me } from "../api/types";
import { connection, me } from "./connection";
import * as jobs from "./jobs";
import { loadModels } from "./models";
import { sendWaiting } from "./outgoing";

/** Milliseconds of silence after which the connection is dead; the server speaks every 15 s. */
const SILENCE = 35_000;

/** Of a page that comes back into sight, which may have slept. */
const SHORT_SILENCE = 16_000;

/** Milliseconds before the next try; the last one over and over. */
const PAUSES = [250, 500, 1000, 2000, 4000];

let after: string | null = null;
let heardAt = 0;
let stream: AbortController | null = null;
let wake: (() => void) | null = null;
let running = false;

/** Begins, once. */
export function start(): void {
  if (running) return;
  running = true;
  void keep();
  setInterval(() => silentFor(SILENCE) && stream?.abort(), 1000);
  addEventListener("online", hurry);
  addEventListener("offline", () => stream?.abort());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") return;
    if (silentFor(SHORT_SILENCE)) stream?.abort();
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
    stream = new AbortController();
    try {
      await follow(
        after,
        {
          open: () => {
            failures = 0;
            void opened();
          },
          heard: () => {
            heardAt = Date.now();
          },
          frame: ({ id, event }) => {
            if (event && jobs.apply(event)) void jobs.reread(event.job).catch(() => undefined);
            if (id) after = id;
          },
        },
        stream.signal,
      );
    } catch (error) {
      if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
        connection.value = "locked";
        me.value = null;
        await sleep(3_600_000);
        continue;
      }
    }
    // A server that restarts ends its streams and is back before anybody would notice.
    if (failures > 0 || !navigator.onLine) connection.value = "offline";
    await sleep(PAUSES[Math.min(failures, PAUSES.length - 1)]!);
    failures++;
  }
}

async function opened(): Promise<void> {
  heardAt = Date.now();
  try {
    const [who] = await Promise.all([get<Me>("me"), jobs.refresh(), loadModels()]);
    me.value = who;
    connection.value = "online";
    void sendWaiting();
  } catch {
    // Half a connection: tried again as a whole.
    stream?.abort();
  }
}

function silentFor(limit: number): boolean {
  return connection.peek() === "online" && Date.now() - heardAt > limit;
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
