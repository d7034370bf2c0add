/** How long a job still takes, from how fast it went so far: for where the server does not say it. */

/** Milliseconds that have to be seen of it before a guess is worth anything. */
const SEEN = 600;

export class Pace {
  #from: { at: number; fraction: number } | null = null;
  #last = 0;

  /** Takes in how far the job is; seconds left, or null where that cannot be told yet. */
  left(fraction: number, now: number): number | null {
    // What comes before the first step is no part of how long steps take.
    if (!fraction) {
      this.#from = null;
      return null;
    }
    // A job that begins anew goes at a pace of its own.
    if (!this.#from || fraction < this.#last) this.#from = { at: now, fraction };
    this.#last = fraction;
    const made = fraction - this.#from.fraction;
    const took = now - this.#from.at;
    if (made <= 0 || took < SEEN || fraction >= 1) return null;
    return ((1 - fraction) / made) * (took / 1000);
  }
}
