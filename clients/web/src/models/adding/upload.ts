/** Files on their way to the server: they go on while other places are looked at. */
import { signal } from "@preact/signals";
import { Refused, Unreachable } from "../../api/errors";
import { lookUp } from "../../api/models/additions";
import * as api from "../../api/models/uploads";
import type { Found } from "../../api/types";
import { sentence } from "../../ui/sentence";

/** Bytes of a piece: large enough to be quick, small enough for a bar that moves. */
const PIECE = 4 << 20;

/** Milliseconds before the next try where the server cannot be reached. */
const PAUSES = [500, 1000, 2000, 4000];

/** Where the ids of uploads are kept, so that the same file goes on after a reload. */
const KEPT = "darkroom.uploads";

export interface Upload {
  readonly key: number;
  readonly name: string;
  readonly size: number;
  /** Bytes that the server has. */
  readonly sent: number;
  /** `lost`: the server cannot be reached, and it is tried again. */
  readonly state: "sending" | "lost" | "looking" | "found" | "failed";
  readonly id: string | null;
  /** What it is, once all of it is there. */
  readonly found: Found | null;
  readonly problem: string;
}

export const uploads = signal<readonly Upload[]>([]);

const running = new Map<number, { file: File; stop: AbortController }>();

let last = 0;

/** Begins to send files; one that was begun before goes on where it was. */
export function send(files: readonly File[]): void {
  for (const file of files) {
    const key = ++last;
    const fresh: Upload = {
      key,
      name: file.name,
      size: file.size,
      sent: 0,
      state: "sending",
      id: null,
      found: null,
      problem: "",
    };
    uploads.value = [...uploads.peek(), fresh];
    running.set(key, { file, stop: new AbortController() });
    void go(key);
  }
}

/** Goes on with one that failed. */
export function again(key: number): void {
  if (!running.has(key)) return;
  set(key, { state: "sending", problem: "" });
  void go(key);
}

/** Gives one up, and what is there of it. */
export function give(key: number): void {
  const upload = find(key);
  running.get(key)?.stop.abort();
  done(key);
  if (!upload?.id) return;
  void api.drop(upload.id).catch(() => undefined);
}

/** Forgets one: it is given up, or it is being added. */
export function done(key: number): void {
  const file = running.get(key)?.file;
  if (file) keep(file, null);
  running.delete(key);
  uploads.value = uploads.peek().filter((each) => each.key !== key);
}

async function go(key: number): Promise<void> {
  const { file, stop } = running.get(key)!;
  const { signal } = stop;
  for (let failures = 0; !signal.aborted; ) {
    try {
      const id = find(key)?.id ?? (await begun(file)) ?? (await api.begin(file));
      keep(file, id);
      let sent = await api.offset(id);
      set(key, { id, sent, state: "sending" });
      const head = await headerOf(file);
      let looked = false;
      while (sent < file.size) {
        // What is no use here is not sent to its end.
        if (sent >= head && !looked) {
          looked = true;
          const found = await lookUp(`upload:${id}`, signal);
          if (!found.usable) return set(key, { state: "found", found });
        }
        sent = await api.piece(id, sent, file.slice(sent, sent + PIECE), signal);
        failures = 0;
        set(key, { sent, state: "sending" });
      }
      set(key, { state: "looking" });
      set(key, { state: "found", found: await lookUp(`upload:${id}`, signal) });
      return;
    } catch (error) {
      if (signal.aborted) return;
      const passing = error instanceof Unreachable || (error instanceof Refused && (error.passing || error.status === 409));
      if (!passing) {
        // What the server no longer knows begins anew.
        if (error instanceof Refused && error.status === 404) set(key, { id: null, sent: 0 });
        set(key, { state: "failed", problem: sentence(error, false) });
        return;
      }
      set(key, { state: "lost" });
      const wait = error instanceof Refused ? (error.retryAfter ?? 1) * 1000 : PAUSES[Math.min(failures, PAUSES.length - 1)]!;
      failures++;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** How many of its bytes say what a file is: its header, by the length that it begins with. */
async function headerOf(file: File): Promise<number> {
  const start = new DataView(await file.slice(0, 8).arrayBuffer());
  return start.byteLength < 8 ? file.size : 8 + start.getUint32(0, true);
}

/** The upload that was begun for this file before, if the server still has it. */
async function begun(file: File): Promise<string | null> {
  const id = known()[mark(file)];
  if (!id) return null;
  try {
    await api.offset(id);
    return id;
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

function mark({ name, size, lastModified }: File): string {
  return `${name} ${size} ${lastModified}`;
}

function known(): Record<string, string> {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}

function keep(file: File, id: string | null): void {
  const all = known();
  delete all[mark(file)];
  if (id) all[mark(file)] = id;
  try {
    localStorage.setItem(KEPT, JSON.stringify(all));
  } catch {
    // Then it begins anew after a reload.
  }
}

function find(key: number): Upload | undefined {
  return uploads.peek().find((each) => each.key === key);
}

function set(key: number, some: Partial<Upload>): void {
  uploads.value = uploads.peek().map((each) => (each.key === key ? { ...each, ...some } : each));
}
