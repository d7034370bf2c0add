/** Deletes pictures: out of sight at once, and for good when nobody took it back. */
import { signal } from "@preact/signals";
import { Refused } from "../api/errors";
import { source } from "../api/images";
import * as api from "../api/jobs";
import type { Job, Output } from "../api/types";
import { find, forget, forgetPicture, hide, hidePicture, jobOf } from "../state/live/jobs";
import { STAY_TO_UNDO, toast } from "../state/page/toasts";
import { sentence } from "../ui/sentence";
import { t } from "./words";

/** Jobs and pictures that are out of sight, by their ids: deleted, or about to be. */
export const removed = signal<ReadonlySet<string>>(new Set());

interface Deletion {
  /** Of several pictures their ids with spaces between. */
  readonly id: string;
  hide(gone: boolean): void;
  send(keepalive: boolean): Promise<void>;
  forget(): void;
}

const doomed = new Map<string, Deletion>();

/** What is being sent just now, one request after the other. */
const underWay = new Set<Deletion>();

/** Deletes a job with its pictures, unless it is undone while the toast stands. */
export function remove(job: Job): void {
  const { id } = job;
  begin(job.outputs, {
    id,
    hide: (gone) => hide(id, gone),
    send: (keepalive) => api.remove(id, keepalive),
    forget: () => forget(id),
  });
}

/** Deletes one picture of a job, and with its last one the job, unless it is undone. */
export function removePicture(job: Job, output: Output): void {
  if (job.outputs.length < 2) return remove(job);
  begin([output], {
    id: output.id,
    hide: (gone) => hidePicture(output, gone),
    send: (keepalive) => api.removePicture(output.id, keepalive),
    forget: () => forgetPicture(output),
  });
}

/** Deletes all pictures of a job but one, unless it is undone. */
export function keepOnly(job: Job, output: Output): void {
  removeSeveral(job.outputs.filter((each) => each.id !== output.id).map((each) => ({ job, output: each })));
}

/** Deletes jobs that made no picture, unless it is undone. */
export function clear(jobs: readonly Job[]): void {
  const all = jobs.map(({ id }) => id);
  if (!all.length) return;
  begin([], {
    id: all.join(" "),
    hide: (gone) => all.forEach((id) => hide(id, gone)),
    send: (keepalive) => sendAll(all.map((id) => () => api.remove(id, keepalive).catch(unlessGone)), keepalive),
    forget: () => all.forEach(forget),
  });
}

/** Deletes several pictures, and with all of a job's the job, unless it is undone. */
export function removeSeveral(pictures: readonly { job: Job; output: Output }[]): void {
  if (!pictures.length) return;
  const outputs = pictures.map((each) => each.output);
  const jobs = new Map(pictures.map(({ job }) => [job.id, find(job.id)?.job.peek() ?? job]));
  const doomed = new Set(outputs.map((each) => each.id));
  const whole = [...jobs.values()].filter((job) => job.outputs.every((each) => doomed.has(each.id))).map((job) => job.id);
  const single = outputs.filter((each) => !whole.includes(jobOf(each.id)));
  begin(outputs, {
    id: [...whole, ...outputs.map((each) => each.id)].join(" "),
    hide: (gone) => {
      for (const each of whole) hide(each, gone);
      for (const each of single) hidePicture(each, gone);
    },
    send: (keepalive) =>
      sendAll(
        [
          ...whole.map((id) => () => api.remove(id, keepalive).catch(unlessGone)),
          ...single.map(({ id }) => () => api.removePicture(id, keepalive).catch(unlessGone)),
        ],
        keepalive,
      ),
    forget: () => {
      whole.forEach(forget);
      single.forEach(forgetPicture);
    },
  });
}

/** One after the other; all at once where the page is about to go. */
async function sendAll(each: readonly (() => Promise<void>)[], keepalive: boolean): Promise<void> {
  // A page that goes waits for no answer: what it has not sent by then it never sends.
  if (keepalive) await Promise.all(each.map((run) => run()));
  else for (const run of each) await run();
}

function unlessGone(error: unknown): void {
  if (!(error instanceof Refused && error.status === 404)) throw error;
}

/** Pixels of the picture by which one deletion is told from another. */
const MINI = 160;

function begin(pictures: readonly Output[], deletion: Deletion): void {
  mark(deletion, true);
  doomed.set(deletion.id, deletion);
  const undo = () => {
    if (doomed.delete(deletion.id)) mark(deletion, false);
  };
  const [shown] = pictures;
  toast(
    shown ? t("deleted", pictures.length) : t("cleared"),
    { label: t("undo"), run: undo },
    { gone: () => void end(deletion), picture: shown && source(shown, MINI), stay: STAY_TO_UNDO },
  );
}

function mark(deletion: Deletion, gone: boolean): void {
  const now = new Set(removed.peek());
  for (const id of deletion.id.split(" ")) {
    if (gone) now.add(id);
    else now.delete(id);
  }
  removed.value = now;
  deletion.hide(gone);
}

async function end(deletion: Deletion, keepalive = false): Promise<void> {
  if (!doomed.delete(deletion.id)) return;
  if (!keepalive) underWay.add(deletion);
  try {
    await deletion.send(keepalive);
    deletion.forget();
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return deletion.forget();
    mark(deletion, false);
    toast(sentence(error));
  } finally {
    underWay.delete(deletion);
  }
}

/** Sends what nobody is left to undo as the page goes, and at its next start what was not sent then. */
export function installDeletions(): void {
  void finish(left());
  addEventListener("pagehide", () => {
    const going = [...doomed.values(), ...underWay];
    if (!going.length) return;
    // A browser may be busy with as many requests as it sends at once.
    leave([...left(), ...going.flatMap(({ id }) => id.split(" "))]);
    for (const deletion of [...doomed.values()]) void end(deletion, true);
    // Again, since what waits for its turn, or for an answer, ends with the page.
    for (const deletion of underWay) deletion.send(true).catch(() => undefined);
  });
}

/** Where the ids are kept of what a page that went had to delete. */
const LEFT = "darkroom.deletions";

function left(): string[] {
  return localStorage.getItem(LEFT)?.split(" ") ?? [];
}

function leave(ids: readonly string[]): void {
  if (ids.length) localStorage.setItem(LEFT, ids.join(" "));
  else localStorage.removeItem(LEFT);
}

async function finish(ids: readonly string[]): Promise<void> {
  if (!ids.length) return;
  removed.value = new Set([...removed.peek(), ...ids]);
  try {
    for (const id of ids) await (jobOf(id) === id ? api.remove(id) : api.removePicture(id)).catch(unlessGone);
    leave(left().filter((id) => !ids.includes(id)));
  } catch {
    // Seen again, and tried again at the next start.
    removed.value = new Set([...removed.peek()].filter((id) => !ids.includes(id)));
  }
}
