/** How many seconds' worth may come at once: a client that comes back joins its threads and publishes what has waited. */
const BURST_S = 5;

/**
 * A token bucket: so many points a second, and for a short time more. What costs more than is left may still be taken where something
 * is left, and is paid off later: so a bucket of any size lets a frame of any size pass.
 */
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

  /** False where nothing is left. */
  take(cost: number, now: number): boolean {
    if (this.#most === Infinity) return true;
    this.#refill(now);
    if (this.#left <= 0) return false;
    this.#left -= cost;
    return true;
  }

  /** Gives back what was taken for something that turned out to cost nothing. */
  give(points: number): void {
    this.#left = Math.min(this.#most, this.#left + points);
  }

  /** Nothing was taken lately: a new one would be the same. */
  isFull(now: number): boolean {
    this.#refill(now);
    return this.#left >= this.#most;
  }

  #refill(now: number): void {
    if (this.#most === Infinity) return;
    this.#left = Math.min(this.#most, this.#left + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}
