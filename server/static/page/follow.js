/** One event stream that comes back by itself. */
import { EVENTS } from "./api.js";

const KINDS = ["status", "progress", "preview", "output", "done"];

const RETRY_MS = [300, 1000, 2000, 5000, 10000];

/** Milliseconds for a connection to open: a phone out of reach would wait for minutes. */
const PATIENCE = 6000;

/**
 * Follow what happens to all jobs. `opened` is called at every connection: events may have been
 * missed by then, so it should read the jobs again. `lost` is called where the second try fails
 * too: a server that restarts is away for a moment. A hidden page lets go of its connection, as a
 * browser has only six for one host; coming back opens a new one, also where a phone slept so long
 * that the old one is dead without anybody having said so.
 */
export function follow(on) {
  let source = null;
  let failures = 0;
  let timer;

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function failed() {
    close();
    if (failures > 0) on.lost();
    timer = setTimeout(open, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  }

  function open() {
    close();
    if (document.hidden) return;
    source = new EventSource(EVENTS);
    timer = setTimeout(failed, PATIENCE);
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => on.event(kind, JSON.parse(event.data)));
    }
    source.onopen = () => {
      clearTimeout(timer);
      failures = 0;
      on.opened();
    };
    source.onerror = failed;
  }

  document.addEventListener("visibilitychange", open);
  addEventListener("online", open);
  addEventListener("offline", open); // a server on this very machine still answers
  open();
  return open;
}
