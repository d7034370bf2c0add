/** The browser's database, where it has one: private windows of some give none, or one that hangs. */
import { createStore, del, entries, get, set } from "idb-keyval";

/** Milliseconds after which a database that does not answer is taken for none. */
const PATIENCE = 1000;

const NEVER = Symbol();

/** Values on the device, files included, that are lost with the page where nothing can be kept. */
export class Kept<T> {
  #store: ReturnType<typeof createStore>;

  constructor(database: string, table: string) {
    this.#store = createStore(database, table);
  }

  get(key: string): Promise<T | undefined> {
    return patiently(() => get<T>(key, this.#store), undefined);
  }

  all(): Promise<[string, T][]> {
    return patiently(() => entries<string, T>(this.#store), []);
  }

  /** Resolves once it is kept, or cannot be. */
  set(key: string, value: T): Promise<void> {
    return patiently(() => set(key, value, this.#store), undefined);
  }

  drop(key: string): Promise<void> {
    return patiently(() => del(key, this.#store), undefined);
  }
}

async function patiently<R>(run: () => Promise<R>, otherwise: R): Promise<R> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<typeof NEVER>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, NEVER);
  });
  try {
    // Without a database at all it throws before there is a promise to reject.
    const answer = await Promise.race([run(), late]);
    return answer === NEVER ? otherwise : answer;
  } catch {
    return otherwise;
  } finally {
    clearTimeout(timer);
  }
}
