/** What a request can end in other than an answer. The view turns them into sentences. */
import type { FieldError, Wording } from "./types";

/** The server refused, and said why. */
export class Refused extends Error {
  override readonly name = "Refused";

  constructor(
    readonly status: number,
    /** What kind of problem it is: the end of the problem's `type`, such as `quota-exceeded`. */
    readonly code: string,
    detail: string,
    readonly fields: readonly FieldError[] = [],
    /** Seconds after which to try again, where the server said so. */
    readonly retryAfter: number | null = null,
    /** What the detail says, where the server says so. */
    readonly wording: Wording | null = null,
  ) {
    super(detail);
  }

  /** Whether the same request may go through later. */
  get passing(): boolean {
    return this.status === 429 || this.status === 503;
  }
}

/** No answer came: the network is away, or the server is. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}
