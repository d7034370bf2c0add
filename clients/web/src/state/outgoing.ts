/** Requests on their way: kept on the device until the server has them, so that none is lost. */
import { signal } from "@preact/signals";
import { createStore, del, entries, set } from "idb-keyval";
import { Refused, Unreachable } from "../api/errors";
import { create, type Files } from "../api/jobs";
import type { JobRequest } from "../api/types";
import { uuid } from "../ui/browser";
import { merge } from "./jobs";

export interface Outgoing {
  readonly key: string;
  readonly request: JobRequest;
  readonly files: Files;
  /** Why it has not gone yet; null while it is on its way. */
  readonly problem: Refused | Unreachable | null;
}

/** Requests that the server does not have yet, oldest first. */
export const outgoing = signal<readonly Outgoing[]>([]);

const store = () => createStore("darkroom-outgoing", "requests");

/** Sends a request, as soon as that goes. */
export async function submit(request: JobRequest, files: Files = {}): Promise<void> {
  const entry: Outgoing = { key: uuid(), request, files, problem: null };
  outgoing.value = [...outgoing.peek(), entry];
  await set(entry.key, { request, files }, store()).catch(() => undefined);
  await go(entry);
}

/** Sends what waits: this page was closed too early, or the network was away. */
export async function sendWaiting(): Promise<void> {
  const here = new Set(outgoing.peek().map((each) => each.key));
  const kept = await entries<string, Pick<Outgoing, "request" | "files">>(store()).catch(() => []);
  const found = kept
    .filter(([key]) => !here.has(key))
    .map(([key, each]): Outgoing => ({ ...each, key, problem: null }));
  outgoing.value = [...found, ...outgoing.peek()];
  for (const entry of outgoing.peek()) {
    if (entry.problem instanceof Unreachable || found.includes(entry)) await go(entry);
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
  void del(key, store()).catch(() => undefined);
}

async function go(entry: Outgoing): Promise<void> {
  mark(entry.key, null);
  try {
    const job = await create(entry.request, entry.key, entry.files);
    merge([job]);
    drop(entry.key);
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
    mark(entry.key, error);
    if (error instanceof Refused && error.passing) {
      setTimeout(() => void retry(entry.key), (error.retryAfter ?? 5) * 1000);
    }
  }
}

function mark(key: string, problem: Outgoing["problem"]): void {
  outgoing.value = outgoing.peek().map((each) => (each.key === key ? { ...each, problem } : each));
}
