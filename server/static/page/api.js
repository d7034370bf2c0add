/** The job API as this page uses it. Every call throws a Problem where the server says no. */
import { sentence } from "./words.js";

const BASE = "/api/v1";

export const EVENTS = `${BASE}/events`;

/** Milliseconds for an answer; the API says 503 within five. */
const PATIENCE = 15_000;

/** What the server said instead of doing it: a sentence for people, and one a field. */
export class Problem extends Error {
  constructor(detail, errors = [], status = 0) {
    super(detail);
    this.errors = errors;
    this.status = status;
  }
}

async function call(path, init) {
  const signal = AbortSignal.timeout(PATIENCE);
  const headers = { "X-Darkroom-Request": 1, ...init?.headers };
  let answer;
  try {
    answer = await fetch(BASE + path, { ...init, signal, headers });
  } catch {
    throw new Problem("The server cannot be reached. Is this device on its network?");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  if (answer.status === 401) (await import("/static/door/door.js")).open();
  const wait = Number(answer.headers.get("Retry-After"));
  const advice = wait > 0 ? ` Try again in ${wait} s.` : "";
  const said = sentence(body.detail || `The server answered ${answer.status}`);
  throw new Problem(said + advice, body.errors ?? [], answer.status);
}

/** A job that was sent and of which nothing came back: its body and its key. */
let unanswered = null;

/** Queue a job. Where the answer was lost, asking for the same again makes no second job. */
export async function create(input) {
  const body = JSON.stringify(input);
  if (unanswered?.body !== body) unanswered = { body, key: randomKey() };
  const headers = { "Content-Type": "application/json", "Idempotency-Key": unanswered.key };
  try {
    const job = await call("/jobs", { method: "POST", headers, body });
    unanswered = null;
    return job;
  } catch (problem) {
    if (problem instanceof Problem && problem.status) unanswered = null;
    throw problem;
  }
}

/** randomUUID needs a secure context, and this page comes over plain http. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

/** Jobs, newest first, and the cursor of the next page. */
export async function list(cursor) {
  const page = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
  const body = await call(`/jobs?limit=50${page}`);
  return { jobs: body.jobs, next: body.next_cursor };
}

export const get = (id) => call(`/jobs/${id}`);

export const cancel = (id) => call(`/jobs/${id}/cancel`, { method: "POST" });

export const models = async () => (await call("/models")).models;

/** URL of a copy of a picture for a place this many CSS pixels wide. */
export function thumbnail(output, width) {
  const pixels = Math.min(output.width, Math.ceil(width * Math.min(devicePixelRatio, 2)));
  const url = new URL(output.url, location.href);
  url.searchParams.set("format", "webp");
  url.searchParams.set("width", pixels);
  return url.href;
}
