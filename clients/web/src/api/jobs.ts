import { get, post, send } from "./http";
import type { Job, JobRequest } from "./types";

export interface JobPage {
  jobs: Job[];
  next_cursor: string | null;
}

/** Files of a request, by the name of the field that each is for. */
export type Files = Partial<Record<"image" | "mask" | "reference_only" | `reference_${number}` | `control_${number}` | `ip_adapter_${number}_${number}`, Blob>>;

/** A job with the lists that a server of an earlier version does not send; an app may be newer than it. */
export function whole(job: Job): Job {
  const lists: Partial<Pick<Job, "files" | "notes" | "outputs" | "pictures">> = job;
  return { ...job, files: lists.files ?? [], notes: lists.notes ?? [], outputs: lists.outputs ?? [], pictures: lists.pictures ?? [] };
}

/** Creates a job; the same `key` is the same job, however often it is sent. */
export async function create(request: JobRequest, key: string, files: Files = {}): Promise<Job> {
  const headers = { "Idempotency-Key": key };
  const given = Object.entries(files).filter(([, file]) => file !== undefined);
  if (!given.length) return whole(await post("jobs", { json: request, headers, patience: 60_000 }));
  const form = new FormData();
  form.append("request", JSON.stringify(request));
  for (const [name, file] of given) if (file) form.append(name, file, name);
  // A photograph takes its time on a weak network.
  return whole(await post("jobs", { form, headers, patience: 120_000 }));
}

/** Seconds until a request would be done that is sent now; null where that cannot be known. */
export async function forecast(asked: { request: JobRequest; picture?: { width: number; height: number } }, signal: AbortSignal): Promise<number | null> {
  return (await post<{ seconds: number | null }>("forecast", { json: asked, signal })).seconds;
}

interface Listed {
  cursor?: string;
  limit?: number;
  /** Words in the prompts. */
  search?: string;
  status?: Job["status"];
  /** Whose, for an admin: `*` is everybody's. */
  owner?: string | undefined;
}

/** The caller's jobs, newest first. */
export async function list(options: Listed = {}): Promise<JobPage> {
  const page = await get<JobPage>("jobs", {
    query: { cursor: options.cursor, limit: options.limit, q: options.search || undefined, status: options.status, owner: options.owner },
  });
  return { ...page, jobs: page.jobs.map(whole) };
}

export async function read(id: string): Promise<Job> {
  return whole(await get(`jobs/${id}`));
}

export async function cancel(id: string): Promise<Job> {
  return whole(await post(`jobs/${id}/cancel`));
}

/** Where in the queue a job is to wait: one of these, ids of other jobs or an end. */
export type Place = { to: "first" | "last" } | { before: string } | { after: string };

/** Moves a waiting job among those that wait for the same. */
export async function move(id: string, place: Place): Promise<Job> {
  return whole(await post(`jobs/${id}/position`, { json: place }));
}

/** Removes one picture; the others of its job stay. */
export async function removePicture(id: string, keepalive = false): Promise<void> {
  await send("DELETE", `images/${id}`, { keepalive });
}

/** Removes a job with its pictures; `keepalive` where the page may be about to go. */
export async function remove(id: string, keepalive = false): Promise<void> {
  await send("DELETE", `jobs/${id}`, { keepalive });
}
