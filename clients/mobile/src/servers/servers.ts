/** The servers that this phone knows, each with its token. */
import { computed, signal } from "@preact/signals";
import { uuid } from "../../../web/src/browser";

export interface Server {
  readonly id: string;
  /** Its URL without a slash at its end. */
  readonly base: string;
  readonly name: string;
}

/** Where texts are kept on the phone. */
export interface Store {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  remove(key: string): Promise<unknown>;
}

export class Servers {
  readonly all = signal<readonly Server[]>([]);
  readonly #chosen = signal<string | null>(null);
  #tokens = new Map<string, string>();

  /** The server in use; null as long as there is none. */
  readonly current = computed(
    () => this.all.value.find((each) => each.id === this.#chosen.value) ?? null,
  );

  /** `open` is for the list, `secret` for the tokens. */
  constructor(
    private readonly open: Store,
    private readonly secret: Store,
  ) {}

  /** Reads what was kept; to be called first. */
  async load(): Promise<void> {
    const all = JSON.parse((await this.open.get("servers")) ?? "[]") as Server[];
    for (const { id } of all) {
      const token = await this.secret.get(id);
      if (token) this.#tokens.set(id, token);
    }
    this.all.value = all;
    this.#chosen.value = await this.open.get("chosen");
  }

  token(server: Server | null = this.current.peek()): string | null {
    return (server && this.#tokens.get(server.id)) ?? null;
  }

  /** A server that was paired, for the first time or again; it is used from now on. */
  async add(base: string, name: string, token: string | null): Promise<Server> {
    const known = this.all.peek().find((each) => each.base === base);
    const server = known ?? { id: uuid(), base, name };
    await this.keepToken(server, token);
    if (!known) await this.#keep([...this.all.peek(), server]);
    await this.choose(server);
    return server;
  }

  /** Keeps a token, or forgets it. */
  async keepToken(server: Server, token: string | null): Promise<void> {
    if (token) {
      this.#tokens.set(server.id, token);
      await this.secret.set(server.id, token);
    } else {
      this.#tokens.delete(server.id);
      await this.secret.remove(server.id);
    }
  }

  async choose(server: Server): Promise<void> {
    await this.open.set("chosen", server.id);
    this.#chosen.value = server.id;
  }

  async rename(server: Server, name: string): Promise<void> {
    await this.#keep(this.all.peek().map((each) => (each.id === server.id ? { ...each, name } : each)));
  }

  /** Forgets a server and its token. The first of the others is used where it was in use. */
  async remove(server: Server): Promise<void> {
    await this.keepToken(server, null);
    const others = this.all.peek().filter((each) => each.id !== server.id);
    await this.#keep(others);
    if (this.#chosen.peek() === server.id && others[0]) await this.choose(others[0]);
  }

  async #keep(all: readonly Server[]): Promise<void> {
    await this.open.set("servers", JSON.stringify(all));
    this.all.value = all;
  }
}
