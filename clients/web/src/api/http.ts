/** One way to the server for every request, whichever server and whoever asks. */
import { platform } from "../platform";
import { Refused, Unreachable } from "./errors";
import type { FieldError, Wording } from "./types";

const PREFIX = "/api/v1";

/** Milliseconds after which a request counts as lost. */
const PATIENCE = 20_000;

export interface Options {
  json?: unknown;
  form?: FormData;
  file?: Blob;
  headers?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  signal?: AbortSignal;
  /** Milliseconds to wait for the answer; 0 is for ever. */
  patience?: number;
  /** Lets the request outlive the page. */
  keepalive?: boolean;
  /** The server to ask, where it is not the one in use, and the token that it knows. */
  at?: { base: string; token: string | null };
}

/** The absolute URL of something that the server named by its path. */
export function absolute(path: string): string {
  return platform.base.value + path;
}

/** Sends a request. Throws `Refused` for an error answer and `Unreachable` for none. */
export async function send(method: string, path: string, options: Options = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  // What shows the server that a page of its own asks, and not a foreign one.
  headers.set("X-Darkroom-Request", "page");
  const { base, token } = options.at ?? { base: platform.base.value, token: platform.token() };
  if (token) headers.set("Authorization", `Bearer ${token}`);
  const init: RequestInit = { method, headers };
  if (options.keepalive) init.keepalive = true;
  if (options.json !== undefined) {
    headers.set("Content-Type", "application/json");
    init.body = JSON.stringify(options.json);
  } else if (options.form) {
    init.body = options.form;
  } else if (options.file) {
    headers.set("Content-Type", options.file.type);
    init.body = options.file;
  }
  // What outlives the page has nobody to wait for it.
  const patience = options.keepalive ? 0 : (options.patience ?? PATIENCE);
  const signals = [options.signal, patience ? AbortSignal.timeout(patience) : undefined];
  const given = signals.filter((signal) => signal !== undefined);
  if (given.length) init.signal = given.length === 1 ? given[0]! : AbortSignal.any(given);
  let response: Response;
  try {
    response = await fetch(base + url(path, options.query), init);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Unreachable(String(error));
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** GET a JSON document. */
export async function get<T>(path: string, options?: Options): Promise<T> {
  return body(await send("GET", path, options), options);
}

/** POST something and read the JSON answer. */
export async function post<T>(path: string, options?: Options): Promise<T> {
  return body(await send("POST", path, options), options);
}

async function body<T>(response: Response, options?: Options): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    // The network went in the middle of the answer.
    throw new Unreachable(String(error));
  }
}

function url(path: string, query: Options["query"]): string {
  const whole = path.startsWith("/") ? path : `${PREFIX}/${path}`;
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (!given.length) return whole;
  return `${whole}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

async function refusal(response: Response): Promise<Refused> {
  const problem = (await response.json().catch(() => ({}))) as {
    type?: string;
    detail?: string;
    wording?: Wording;
    errors?: FieldError[];
  };
  const wait = Number(response.headers.get("Retry-After"));
  return new Refused(
    response.status,
    problem.type?.split(":").pop() ?? "",
    problem.detail ?? response.statusText,
    problem.errors ?? [],
    Number.isFinite(wait) && wait > 0 ? wait : null,
    problem.wording ?? null,
  );
}
