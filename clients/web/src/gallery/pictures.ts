/** All pictures that there are to see, newest first. */
import { computed, type ReadonlySignal } from "@preact/signals";
import type { Job, Output } from "../api/types";
import { find, ids, type LiveJob } from "../state/live/jobs";

export interface Picture {
  /** Its job as it was when the picture came. */
  readonly job: Job;
  readonly output: Output;
  /** Which of its job's pictures it is, from 0. */
  readonly index: number;
}

const live = new WeakMap<LiveJob, ReadonlySignal<readonly Picture[]>>();

export function picturesOf(job: Job): readonly Picture[] {
  return job.outputs.map((output, index) => ({ job, output, index }));
}

/** A job's pictures, which stay the same things while only its progress changes. */
export function picturesOfLive(job: LiveJob): readonly Picture[] {
  let pictures = live.get(job);
  if (!pictures) {
    const outputs = computed(() => job.job.value.outputs);
    pictures = computed(() => (outputs.value, picturesOf(job.job.peek())));
    live.set(job, pictures);
  }
  return pictures.value;
}

export const all = computed<readonly Picture[]>(() =>
  ids.value.flatMap((id) => {
    const job = find(id);
    return job ? picturesOfLive(job) : [];
  }),
);

/** Where the thumbnails are that were shown, by their pictures: the browser has them at hand. */
export const seen = new Map<string, string>();
