/** How many seconds' worth may come at once: a client that comes back joins its threads and publishes what has waited. */
const BURST_S = 5;

/** A token bucket: so many a second, and for a short time more. */
export class RateLimiter {
  readonly #perMs: number;
  readonly #most: number;
  #left: number;
  #at: number;

  constructor(perSecond: number, now: number) {
    this.#perMs = perSecond / 1_000;
    this.#most = perSecond * BURST_S;
    this.#left = this.#most;
    this.#at = now;
  }

  /** When the last one came. */
  get at(): number {
    return this.#at;
  }

  /** False where it is one too many. */
  take(now: number): boolean {
    const passedMs = now - this.#at;
    this.#at = now;
    if (this.#most === Infinity) return true;
    this.#left = Math.min(this.#most, this.#left + passedMs * this.#perMs);
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** The last one does not count: the protocol made the client say it. */
  giveBack(): void {
    this.#left = Math.min(this.#most, this.#left + 1);
  }
}
