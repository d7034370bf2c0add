/** Every job that this page knows of: what the server last said of each, and what comes in live. */
import { batch, signal, type Signal } from "@preact/signals";
import * as api from "../../api/jobs";
import { ENDED, type Job, type Output, type ServerEvent } from "../../api/types";

export interface LiveJob {
  readonly id: string;
  readonly job: Signal<Job>;
  /** The newest preview of each picture, as a data URI. */
  readonly previews: Signal<readonly (string | undefined)[]>;
  /** When an event last changed it, by `performance.now()`. */
  touched: number;
  /** When the server last said how long it takes yet, by the same clock. */
  told: number;
}

const known = new Map<string, LiveJob>();

/** Ids of the jobs that are shown, newest first: ids sort by time. */
export const ids = signal<readonly string[]>([]);

/** Whether older jobs are to be had, by `loadOlder`. */
export const more = signal(true);

/** Jobs that are out of sight until their deletion is undone or done. */
const hidden = new Set<string>();

/** Pictures that are, while the others of their jobs stay. */
const hiddenPictures = new Set<string>();

const listeners = new Set<(job: Job) => void>();

/** Jobs of which only events are known: one that has ended when it is read ended while we listened. */
const heard = new Set<string>();

let cursor: string | null = null;

/** Counts the servers that were spoken to: an answer of the one before is no news of this one. */
let era = 0;

let loading: Promise<void> | null = null;

const PAGE = 60;

export function find(id: string): LiveJob | undefined {
  return known.get(id);
}

/** Calls back for each job that ends while this page is open; returns what ends that. */
export function onDone(listener: (job: Job) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Takes in what the server says of some jobs. `asked` is when it was asked, by `performance.now()`:
 * an event that came since is newer than the answer.
 */
export function merge(jobs: readonly Job[], asked = Infinity): void {
  batch(() => {
    const fresh: string[] = [];
    const told: Job[] = [];
    for (const job of jobs) {
      const live = known.get(job.id);
      if (!live) {
        known.set(job.id, { id: job.id, job: signal(inSight(job)), previews: signal([]), touched: 0, told: performance.now() });
        if (!hidden.has(job.id)) fresh.push(job.id);
        if (heard.delete(job.id) && ENDED.has(job.status)) told.push(job);
      } else if (ENDED.has(job.status)) {
        end(live, job);
      } else if (!ENDED.has(live.job.peek().status)) {
        live.told = performance.now();
        // How long it takes yet no event says.
        live.job.value = live.touched <= asked ? job : { ...live.job.peek(), eta_s: job.eta_s };
      }
    }
    if (fresh.length) ids.value = sorted([...ids.peek(), ...fresh]);
    for (const job of told) for (const listener of listeners) listener(job);
  });
}

/** Seconds that a job takes yet, as the server said it a while ago; null where it is not known, or
 * takes longer than was said. */
export function leftOf({ job, told }: LiveJob, now: number): number | null {
  const { eta_s } = job.value;
  const left = (eta_s ?? 0) - (now - told) / 1000;
  return left > 0 ? left : null;
}

/** A job as it ended; told once, whichever way the news came. */
function end(live: LiveJob, job: Job): void {
  const news = !ENDED.has(live.job.peek().status);
  live.job.value = inSight(job);
  live.previews.value = [];
  if (news) for (const listener of listeners) listener(job);
}

/** The job without its pictures that are out of sight. */
function inSight(job: Job): Job {
  const outputs = job.outputs.filter((each) => !hiddenPictures.has(each.id));
  return outputs.length < job.outputs.length ? { ...job, outputs } : job;
}

/** Applies one event. True where it is of a job that is not known yet. */
export function apply(event: ServerEvent): boolean {
  const live = known.get(event.job);
  if (!live) {
    heard.add(event.job);
    if (event.event === "done" && event.result) merge([event.result]);
    return event.event === "status";
  }
  const job = live.job.peek();
  const open = !ENDED.has(job.status);
  live.touched = performance.now();
  switch (event.event) {
    case "status":
      // Back in the queue after a crash it begins anew.
      if (open) live.job.value = { ...job, status: event.status, queue_position: null, progress: null };
      break;
    case "progress":
      if (open) {
        live.job.value = { ...job, status: "running", queue_position: null, progress: event.progress };
      }
      break;
    case "preview": {
      // A straggler must not stay for ever under a job that ended.
      if (!open) break;
      const previews = [...live.previews.peek()];
      previews[event.index] = event.image;
      live.previews.value = previews;
      break;
    }
    case "output":
      if (!job.outputs.some((each) => each.id === event.output.id)) {
        live.job.value = { ...job, outputs: [...job.outputs, event.output] };
      }
      break;
    case "done":
      if (!event.result) {
        forget(event.job);
      } else {
        batch(() => end(live, event.result!));
      }
  }
  return false;
}

/**
 * Reads the newest jobs again, and those that were under way and are not among them. What another
 * device deleted meanwhile is forgotten.
 */
export async function refresh(): Promise<void> {
  const [asked, before, when] = [performance.now(), ids.peek(), era];
  const page = await api.list({ limit: PAGE });
  if (when !== era) return;
  if (cursor === null && !before.length) {
    cursor = page.next_cursor;
    more.value = cursor !== null;
  }
  merge(page.jobs, asked);
  const seen = new Set(page.jobs.map((job) => job.id));
  const last = page.next_cursor === null ? "" : page.jobs.at(-1)?.id;
  const absent = before.filter((id) => !seen.has(id) && known.has(id));
  const open = absent.filter((id) => !ENDED.has(known.get(id)!.job.peek().status));
  batch(() => {
    // A page tells of all jobs down to its last one.
    for (const id of absent) if (!open.includes(id) && last !== undefined && id > last) forget(id);
  });
  await Promise.all(open.map(reread));
}

/** Reads one job again; one that is gone is forgotten. */
export async function reread(id: string): Promise<void> {
  const [asked, when] = [performance.now(), era];
  try {
    const job = await api.read(id);
    if (when === era) merge([job], asked);
  } catch (error) {
    if ((error as { status?: number }).status !== 404) throw error;
    if (when === era) forget(id);
  }
}

/** Reads the next page of older jobs; calls while one is on its way wait for that one. */
export function loadOlder(): Promise<void> {
  loading ??= (async () => {
    if (!more.peek()) return;
    const when = era;
    const page = await api.list({ limit: PAGE, ...(cursor ? { cursor } : {}) });
    if (when !== era) return;
    cursor = page.next_cursor;
    more.value = cursor !== null;
    merge(page.jobs);
  })().finally(() => {
    loading = null;
  });
  return loading;
}

/** Puts a job out of sight, or back. */
export function hide(id: string, gone: boolean): void {
  if (gone) hidden.add(id);
  else hidden.delete(id);
  const others = ids.peek().filter((each) => each !== id);
  ids.value = gone || !known.has(id) ? others : sorted([...others, id]);
}

/** Puts one picture of a job out of sight, or back. */
export function hidePicture(output: Output, gone: boolean): void {
  if (gone) hiddenPictures.add(output.id);
  else hiddenPictures.delete(output.id);
  const live = known.get(jobOf(output.id));
  if (!live) return;
  const job = live.job.peek();
  const others = job.outputs.filter((each) => each.id !== output.id);
  const outputs = gone ? others : [...others, output].sort((a, b) => indexOf(a.id) - indexOf(b.id));
  live.job.value = { ...job, outputs };
}

/** Forgets a picture that the server has no more. */
export function forgetPicture(output: Output): void {
  hidePicture(output, true);
  hiddenPictures.delete(output.id);
}

/** The id of the job that a picture is of. */
export function jobOf(picture: string): string {
  return picture.split("-")[0]!;
}

function indexOf(picture: string): number {
  return Number(picture.split("-")[1]);
}

export function forget(id: string): void {
  known.delete(id);
  hide(id, true);
  hidden.delete(id);
}

/** Forgets everything: another server, or another device. */
export function clear(): void {
  known.clear();
  heard.clear();
  hidden.clear();
  hiddenPictures.clear();
  cursor = null;
  era++;
  batch(() => {
    ids.value = [];
    more.value = true;
  });
}

function sorted(all: string[]): string[] {
  return all.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
}
