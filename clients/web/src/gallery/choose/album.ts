/** The album that is looked at in place of all pictures. */
import { batch, computed, signal } from "@preact/signals";
import { removed } from "../../actions/remove";
import * as api from "../../api/collections/collections";
import type { AlbumPage } from "../../api/types";
import { jobOf } from "../../state/live/jobs";
import { favourites, FAVOURITES } from "../../state/live/albums";
import { picturesOf, type Picture } from "../pictures";

/** Its id; null is all pictures. */
export const album = signal<string | null>(null);

const pages = signal<readonly AlbumPage[]>([]);

export const failure = signal<unknown>(null);

const reading = signal(false);

/** Whether all of it is here. */
export const whole = computed(() => pages.value.at(-1)?.next_start === null);

let turn = 0;

/** The pictures of the album that are here so far. */
export const inAlbum = computed<readonly Picture[]>(() => {
  const gone = removed.value;
  const kept = album.value === FAVOURITES ? favourites.value : null;
  return pages.value.flatMap(({ images, jobs }) => {
    const known = new Map(jobs.flatMap(picturesOf).map((each) => [each.output.id, each]));
    return images.flatMap((id) => {
      const picture = known.get(id);
      const seen = picture && !gone.has(id) && !gone.has(jobOf(id)) && (!kept || kept.has(id));
      return seen ? [picture] : [];
    });
  });
});

/** Looks at an album, or at all pictures. */
export function lookAt(id: string | null): void {
  turn++;
  batch(() => {
    album.value = id;
    pages.value = [];
    failure.value = null;
    reading.value = false;
  });
  if (id) void readOn();
}

/** Reads the next page of it. */
export async function readOn(): Promise<void> {
  const id = album.peek();
  const last = pages.peek().at(-1);
  if (!id || reading.peek() || last?.next_start === null) return;
  const mine = turn;
  reading.value = true;
  try {
    const page = await api.album(id, last?.next_start ?? 0);
    if (mine === turn) pages.value = [...pages.peek(), page];
  } catch (error) {
    if (mine === turn) failure.value = error;
  } finally {
    if (mine === turn) reading.value = false;
  }
}

/** Takes pictures out of the album that is looked at; they stay among all pictures. */
export async function takeOut(images: readonly string[]): Promise<void> {
  const id = album.peek();
  if (!id) return;
  for (const each of images) await api.takeOut(id, each);
  const out = new Set(images);
  pages.value = pages.peek().map((page) => ({ ...page, images: page.images.filter((each) => !out.has(each)) }));
}
