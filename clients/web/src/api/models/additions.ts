import { get, post, send } from "../http";
import type { Addition, AdditionRequest, FileKind, Found, SearchPage } from "../types";

/** Milliseconds for the hub or Civitai to answer the server. */
const ABROAD = 60_000;

/** What a hub id, a link or an upload has, before any of it is added. */
export function lookUp(source: string, signal?: AbortSignal): Promise<Found> {
  return post("models/lookups", { json: { source }, patience: ABROAD, ...(signal ? { signal } : {}) });
}

export function add(request: AdditionRequest): Promise<Addition> {
  return post("models/additions", { json: request, patience: ABROAD });
}

/** What is and was added, the newest first. */
export async function additions(): Promise<Addition[]> {
  return (await get<{ additions: Addition[] }>("models/additions")).additions;
}

export async function cancel({ urls }: Addition): Promise<void> {
  await send("POST", urls.cancel);
}

/** Goes on with one that ended too early, from the bytes that are there. */
export async function resume({ urls }: Addition): Promise<void> {
  await send("POST", urls.resume);
}

/** Forgets one that ended too early, and what is here of it. */
export async function forget({ urls }: Addition): Promise<void> {
  await send("DELETE", urls.self);
}

/** A picture of what was found, which the server read: nothing here asks anybody else. */
export async function picture(url: string, signal: AbortSignal): Promise<Blob> {
  return (await send("POST", "models/search/pictures", { json: { url }, patience: ABROAD, signal })).blob();
}

export type Where = "hub" | "civitai";

export function search(
  asked: { q: string; where: Where; kind?: FileKind | undefined; cursor?: string | undefined },
  signal: AbortSignal,
): Promise<SearchPage> {
  return get("models/search", { query: { ...asked }, patience: ABROAD, signal });
}
