/** Has pictures made for the room to look into; the same question is one job, however often asked. */
import { create, read } from "../api/jobs";
import type { Job, JobRequest } from "../api/types";
import { ENDED } from "../api/types";
import { merge } from "../state/live/jobs";

/** Milliseconds between two looks at a job. */
const LOOK = 300;

const known = new Map<string, Promise<Job>>();

/** The job that makes this, once it has ended; until then `seen` is told how far it is. */
export function made(request: JobRequest, seen: (job: Job) => void = () => undefined): Promise<Job> {
  const key = keyOf(request);
  const earlier = known.get(key);
  if (earlier) return earlier;
  const job = run(request, key, seen);
  known.set(key, job);
  job.catch(() => known.delete(key));
  return job;
}

async function run(request: JobRequest, key: string, seen: (job: Job) => void): Promise<Job> {
  let job = await create(request, key).catch(async (error: unknown) => {
    // What this key made before was deleted since.
    if ((error as { status?: number }).status !== 409) throw error;
    return create(request, `${key}-${Date.now()}`);
  });
  seen(job);
  merge([job]);
  while (!ENDED.has(job.status)) {
    await new Promise((resolve) => setTimeout(resolve, LOOK));
    job = await read(job.id);
    seen(job);
  }
  return job;
}

/** A short name of a request: FNV-1a over its JSON, twice. */
function keyOf(request: JobRequest): string {
  const text = JSON.stringify(request);
  const hash = (start: number) => {
    let value = start;
    for (let index = 0; index < text.length; index++) {
      value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
    }
    return value.toString(16).padStart(8, "0");
  };
  return `anatomy-${hash(0x811c9dc5)}${hash(0x9e3779b9)}-${text.length}`;
}
