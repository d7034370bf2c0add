/** Requests on their way: kept on the device until the server has them, so that none is lost. */
import { signal } from "@preact/signals";
import { Refused, Unreachable } from "../../api/errors";
import { create, type Files } from "../../api/jobs";
import type { Job, JobRequest } from "../../api/types";
import { uuid } from "../../browser";
import { platform } from "../../platform";
import { merge } from "./jobs";
import { Kept } from "../kept";
import { ntfy } from "./notices";

type Size = Pick<Job, "width" | "height">;

export interface Outgoing {
  readonly key: string;
  readonly request: JobRequest;
  readonly files: Files;
  /** How large its pictures will be, as far as that is known here: their shape at least. */
  readonly size?: Size | undefined;
  /** When it was asked for, in milliseconds. */
  readonly at: number;
  /** The server that it is for: a phone may know several. */
  readonly base: string;
  /** Why it has not gone yet; null while it is on its way. */
  readonly problem: Refused | Unreachable | null;
}

/** Requests that the server does not have yet, oldest first. */
export const outgoing = signal<readonly Outgoing[]>([]);

const kept = new Kept<Omit<Outgoing, "key" | "problem">>("darkroom-outgoing", "requests");

/** Seconds after which a request that found no server is sent again, should nothing else do it. */
const AGAIN = 5;

/** Keys of the requests that are being sent at this moment: none is sent twice at once. */
const going = new Set<string>();

const timers = new Map<string, ReturnType<typeof setTimeout>>();

/** The last of those that go one after another: they stand in the server's line as they were asked for. */
let line: Promise<unknown> = Promise.resolve();

/** The request with the phone that this device has told of its pictures. */
export function withNotice(request: JobRequest): JobRequest {
  if (request.webhook || !ntfy.peek()) return request;
  return { ...request, webhook: { url: ntfy.peek(), format: "ntfy", events: ["done"] } };
}

/** Sends a request, as soon as that goes. Tells what stands in its way, if anything does. */
export async function submit(request: JobRequest, files: Files = {}, like?: Size): Promise<Outgoing> {
  const size = like && { width: like.width, height: like.height };
  const base = platform.base.peek();
  const entry: Outgoing = { key: uuid(), request: withNotice(request), files, size, at: Date.now(), base, problem: null };
  outgoing.value = [...outgoing.peek(), entry];
  await kept.set(entry.key, { request: entry.request, files, size, at: entry.at, base });
  const turn = line.then(() => go(entry));
  line = turn;
  return { ...entry, problem: await turn };
}

/** Sends what waits: this page was closed too early, or the network was away. */
export async function sendWaiting(): Promise<void> {
  const base = platform.base.peek();
  const stored = (await kept.all()).filter(([, each]) => each.base === base);
  const here = outgoing.peek().filter((each) => each.base === base);
  const found = stored
    .filter(([key]) => !here.some((each) => each.key === key))
    .map(([key, each]): Outgoing => ({ ...each, key, problem: null }));
  outgoing.value = [...found, ...here].sort((a, b) => a.at - b.at);
  for (const entry of outgoing.peek()) {
    const refusal = entry.problem instanceof Refused ? entry.problem : null;
    if (refusal && refusal.status !== 401) continue;
    // Where one finds no server, the next would not either.
    if ((await go(entry)) instanceof Unreachable) break;
  }
}

/** Sends one again that was refused. */
export async function retry(key: string): Promise<void> {
  const entry = outgoing.peek().find((each) => each.key === key);
  if (entry) await go(entry);
}

/** Gives one up. */
export function drop(key: string): void {
  outgoing.value = outgoing.peek().filter((each) => each.key !== key);
  clearTimeout(timers.get(key));
  timers.delete(key);
  void kept.drop(key);
}

async function go(entry: Outgoing): Promise<Outgoing["problem"]> {
  const here = () => entry.base === platform.base.peek();
  // It went, or was given up, while those before it were on their way; or it is under way.
  if (going.has(entry.key) || !here() || !outgoing.peek().some((each) => each.key === entry.key)) {
    return null;
  }
  going.add(entry.key);
  clearTimeout(timers.get(entry.key));
  mark(entry.key, null);
  try {
    const job = await create(entry.request, entry.key, entry.files);
    if (here()) merge([job]);
    drop(entry.key);
    return null;
  } catch (error) {
    const problem = error instanceof Refused ? error : new Unreachable(String(error));
    mark(entry.key, problem);
    if (problem instanceof Unreachable || problem.passing) {
      const wait = problem instanceof Refused ? (problem.retryAfter ?? AGAIN) : AGAIN;
      timers.set(entry.key, setTimeout(() => void retry(entry.key), wait * 1000));
    }
    return problem;
  } finally {
    going.delete(entry.key);
  }
}

function mark(key: string, problem: Outgoing["problem"]): void {
  outgoing.value = outgoing.peek().map((each) => (each.key === key ? { ...each, problem } : each));
}
