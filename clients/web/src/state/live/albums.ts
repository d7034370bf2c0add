/** The user's albums, and which pictures are favourites. The server has them; this is what it said. */
import { signal } from "@preact/signals";
import * as api from "../../api/collections/collections";
import type { Album } from "../../api/types";

export const FAVOURITES = "favourites";

export const albums = signal<readonly Album[]>([]);

export const favourites = signal<ReadonlySet<string>>(new Set());

/** Pages of favourites that are read, so that each heart is right. */
const PAGES = 10;

export async function refreshAlbums(): Promise<void> {
  albums.value = await api.albums();
}

/** Asks for everything again: another device may have changed it. */
export async function loadAlbums(): Promise<void> {
  await refreshAlbums();
  const found = new Set<string>();
  let start: number | null = albums.peek().find((each) => each.id === FAVOURITES)?.count ? 0 : null;
  for (let page = 0; start !== null && page < PAGES; page++) {
    const read = await api.album(FAVOURITES, start);
    for (const each of read.images) found.add(each);
    start = read.next_start;
  }
  favourites.value = found;
}

/** Makes pictures favourites, or not any more; shown at once, and taken back where it failed. */
export async function favour(images: readonly string[], on: boolean): Promise<void> {
  const before = favourites.peek();
  const now = new Set(before);
  for (const each of images) {
    if (on) now.add(each);
    else now.delete(each);
  }
  favourites.value = now;
  try {
    for (const each of images) await (on ? api.putInto(FAVOURITES, each) : api.takeOut(FAVOURITES, each));
  } catch (error) {
    favourites.value = before;
    throw error;
  }
  void refreshAlbums().catch(() => undefined);
}
