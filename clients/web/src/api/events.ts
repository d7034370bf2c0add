/** Server-sent events over fetch: an EventSource could send no token, nor say that it was refused. */
import { send } from "./http";
import type { ServerEvent } from "./types";

export interface Frame {
  id: string | null;
  event: ServerEvent | null;
}

/** Splits a stream of text into frames (the HTML standard, section 9.2.6). */
export class FrameParser {
  #rest = "";
  #id: string | null = null;
  #data: string[] = [];

  /** The frames that are whole with this piece of the stream. */
  feed(piece: string): Frame[] {
    // A return at the end may be half of a line's end.
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line) ?? []);
  }

  #line(line: string): Frame | null {
    if (line) {
      const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (name === "id") this.#id = value ?? "";
      if (name === "data") this.#data.push(value ?? "");
      return null;
    }
    if (!this.#data.length && this.#id === null) return null;
    const event = this.#data.length ? (JSON.parse(this.#data.join("\n")) as ServerEvent) : null;
    const frame = { id: this.#id, event };
    this.#id = null;
    this.#data = [];
    return frame;
  }
}

/**
 * Follows all of the caller's jobs from `after`, the id of the last event that was seen.
 *
 * Resolves when the server ends the stream, and rejects as `send` does. `heard` is called for
 * every sign of life, comments included.
 */
export async function follow(
  after: string | null,
  on: { open(): void; heard(): void; frame(frame: Frame): void },
  signal: AbortSignal,
): Promise<void> {
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (after) headers["Last-Event-ID"] = after;
  const response = await send("GET", "events", { headers, signal, patience: 0 });
  on.open();
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new FrameParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    on.heard();
    for (const frame of parser.feed(value)) on.frame(frame);
  }
}
