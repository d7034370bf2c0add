/** Jobs in every state that cards and queues have. */
import type { Job } from "../src/api/types";
import { merge } from "../src/state/live/jobs";
import { job, output } from "../tests/samples";

/** An id that sorts by its place. */
const id = (at: number) => `${String(at).padStart(4, "0")}${"0".repeat(28)}`;

function prompted(at: number, prompt: string, some: Partial<Job>): Job {
  const plain = job(id(at), some);
  return { ...plain, input: { ...plain.input, prompt, priority: "normal" } };
}

const progress = { step: 7, steps: 20, fraction: 0.35, stage: "denoising", detail: null } as Job["progress"];

export const CARDS: Readonly<Record<string, Job>> = {
  queued: prompted(1, "a red apple on a table", { queue_position: 2, eta_s: 30 }),
  running: prompted(2, "a green pear", { status: "running", queue_position: null, progress }),
  succeeded: prompted(3, "a yellow house", { status: "succeeded", queue_position: null, outputs: [{ ...output(`${id(3)}-0`), url: "/picture?a" }] }),
  noted: prompted(4, "a large house", {
    status: "succeeded",
    queue_position: null,
    outputs: [{ ...output(`${id(4)}-0`), url: "/picture?b" }],
    notes: [{ pointer: "/width", detail: "emoji draws at 128x128; this picture was brought to 256x256." }],
  }),
  failed: prompted(5, "a broken thing", { status: "failed", queue_position: null, error: { code: "worker_died", detail: "" } }),
  canceled: prompted(6, "something else", { status: "canceled", queue_position: null }),
};

export const WAITING = [10, 11, 12, 13, 14].map((at, place) =>
  prompted(at, `picture ${place + 1} in line`, place ? { queue_position: place - 1 } : { status: "running", queue_position: null, progress }),
);

merge([...Object.values(CARDS), ...WAITING]);
