/** Pictures whose prompt has the words that are looked for, one's own or, for an admin, another's: those at hand at once, then all. */
import { batch, computed, signal } from "@preact/signals";
import { removed } from "../actions/remove";
import * as api from "../api/jobs";
import type { Job } from "../api/types";
import { find, ids } from "../state/live/jobs";
import { all, picturesOf, picturesOfLive, type Picture } from "./pictures";

/** Milliseconds without a key after which the server is asked. */
const PAUSE = 250;

/** Jobs that are looked for at a time: enough to fill a large screen. */
const ENOUGH = 60;

export const query = signal("");

/** Whose pictures an admin looks at: a user's, EVERYBODY's, or none for one's own. */
export const whose = signal("");

export const EVERYBODY = "*";

/** What the server found so far. */
const results = signal<readonly Job[]>([]);

export const searching = signal(false);

/** Whether the server may find more, by `findMore`. */
export const moreToFind = signal(false);

export const problem = signal<unknown>(null);

let cursor: string | null = null;
let turn = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** The words of a search, as they are compared. */
export function wordsOf(text: string): string[] {
  return folded(text).split(/\s+/).filter(Boolean);
}

/** Whether a prompt has each of the words, or words that these are parts of. */
export function matches(prompt: string, words: readonly string[]): boolean {
  const text = folded(prompt);
  return words.every((word) => text.includes(word));
}

function folded(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Whether what is to be seen is asked of the server: words are looked for, or another's pictures. */
export const looking = computed(() => wordsOf(query.value).length > 0 || !!whose.value);

/** What is to be seen: all, or what was looked for. */
export const shown = computed<readonly Picture[]>(() => {
  if (!looking.value) return all.value;
  const words = wordsOf(query.value);
  const pictures = new Map<string, readonly Picture[]>();
  for (const job of results.value) {
    const gone = removed.value;
    if (gone.has(job.id)) continue;
    pictures.set(job.id, picturesOf(job).filter(({ output }) => !gone.has(output.id)));
  }
  const mine = !whose.value || whose.value === EVERYBODY;
  for (const id of mine ? ids.value : []) {
    const live = find(id);
    if (live && matches(live.job.peek().input.prompt, words)) pictures.set(id, picturesOfLive(live));
  }
  return [...pictures.keys()].sort((a, b) => (a < b ? 1 : -1)).flatMap((id) => pictures.get(id)!);
});

/** Looks at another's pictures, for an admin; nothing leads back to one's own. */
export function lookAtThoseOf(owner: string): void {
  whose.value = owner;
  search(query.peek());
}

/** Looks for something else; nothing ends the search. */
export function search(text: string): void {
  clearTimeout(timer);
  turn++;
  cursor = null;
  batch(() => {
    query.value = text;
    results.value = [];
    problem.value = null;
    searching.value = moreToFind.value = looking.peek();
  });
  if (looking.peek()) timer = setTimeout(() => void findOn(), PAUSE);
}

/** Looks further into the past. */
export function findMore(): void {
  if (!searching.peek() && moreToFind.peek()) void findOn();
}

async function findOn(): Promise<void> {
  const mine = turn;
  searching.value = true;
  try {
    // A page of the server's may be empty and not be the last: it looks at so many jobs at a time.
    for (let found = 0; found < ENOUGH && moreToFind.peek(); ) {
      const page = await api.list({
        search: query.peek().trim(),
        limit: ENOUGH,
        owner: whose.peek() || undefined,
        ...(cursor ? { cursor } : {}),
      });
      if (mine !== turn) return;
      cursor = page.next_cursor;
      found += page.jobs.length;
      batch(() => {
        results.value = [...results.peek(), ...page.jobs];
        moreToFind.value = cursor !== null;
      });
    }
  } catch (error) {
    if (mine !== turn) return;
    problem.value = error;
    moreToFind.value = false;
  }
  if (mine === turn) searching.value = false;
}
