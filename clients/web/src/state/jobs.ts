/** Every job that this page knows of: what the server last said of each, and what comes in live. */
import { batch, signal, type Signal } from "@preact/signals";
import * as api from "../api/jobs";
import { ENDED, type Job, type ServerEvent } from "../api/types";

export interface LiveJob {
  readonly id: string;
  readonly job: Signal<Job>;
  /** The newest preview of each picture, as a data URI. */
  readonly previews: Signal<readonly (string | undefined)[]>;
}

const known = new Map<string, LiveJob>();

/** Ids of the jobs that are shown, newest first: ids sort by time. */
export const ids = signal<readonly string[]>([]);

/** Whether older jobs are to be had, by `loadOlder`. */
export const more = signal(true);

/** Jobs that are out of sight until their deletion is undone or done. */
const hidden = new Set<string>();

const listeners = new Set<(job: Job) => void>();

let cursor: string | null = null;
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

/** Takes in what the server says of some jobs. */
export function merge(jobs: readonly Job[]): void {
  batch(() => {
    const fresh: string[] = [];
    for (const job of jobs) {
      const live = known.get(job.id);
      if (!live) {
        known.set(job.id, { id: job.id, job: signal(job), previews: signal([]) });
        if (!hidden.has(job.id)) fresh.push(job.id);
      } else if (!ENDED.has(live.job.peek().status) || ENDED.has(job.status)) {
        // An answer that was overtaken by the job's end must not bring it back to life.
        live.job.value = job;
      }
    }
    if (fresh.length) ids.value = sorted([...ids.peek(), ...fresh]);
  });
}

/** Applies one event. True where it is of a job that is not known yet. */
export function apply(event: ServerEvent): boolean {
  const live = known.get(event.job);
  if (!live) {
    if (event.event === "done" && event.result) merge([event.result]);
    return event.event === "status";
  }
  const job = live.job.peek();
  switch (event.event) {
    case "status":
      if (!ENDED.has(job.status)) live.job.value = { ...job, status: event.status };
      break;
    case "progress":
      if (!ENDED.has(job.status)) {
        live.job.value = { ...job, status: "running", queue_position: null, progress: event.progress };
      }
      break;
    case "preview": {
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
      } else if (!ENDED.has(job.status)) {
        live.job.value = event.result;
        live.previews.value = [];
        for (const listener of listeners) listener(event.result);
      }
  }
  return false;
}

/** Reads the newest jobs again, and those that were under way and are not among them. */
export async function refresh(): Promise<void> {
  const page = await api.list({ limit: PAGE });
  if (cursor === null && !ids.peek().length) {
    cursor = page.next_cursor;
    more.value = cursor !== null;
  }
  merge(page.jobs);
  const seen = new Set(page.jobs.map((job) => job.id));
  const open = ids.peek().filter((id) => !seen.has(id) && !ENDED.has(known.get(id)!.job.peek().status));
  await Promise.all(open.map(reread));
}

/** Reads one job again; one that is gone is forgotten. */
export async function reread(id: string): Promise<void> {
  try {
    merge([await api.read(id)]);
  } catch (error) {
    if ((error as { status?: number }).status !== 404) throw error;
    forget(id);
  }
}

/** Reads the next page of older jobs; calls while one is on its way wait for that one. */
export function loadOlder(): Promise<void> {
  loading ??= (async () => {
    if (!more.peek()) return;
    const page = await api.list({ limit: PAGE, ...(cursor ? { cursor } : {}) });
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

export function forget(id: string): void {
  known.delete(id);
  hide(id, true);
  hidden.delete(id);
}

/** Forgets everything: another server, or another device. */
export function clear(): void {
  known.clear();
  hidden.clear();
  cursor = null;
  batch(() => {
    ids.value = [];
    more.value = true;
  });
}

function sorted(all: string[]): string[] {
  return all.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
}
