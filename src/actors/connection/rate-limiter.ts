/** The burst allowance in seconds' worth of points: a reconnecting client joins its threads and publishes what has waited. */
const BURST_S = 5;

/**
 * A token bucket: a rate of points a second, and a short burst. A cost above the rest may still be taken if anything is left; it is paid
 * off later. So a bucket of any size lets a frame of any size pass.
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

  /** False if nothing is left. */
  take(cost: number, now: number): boolean {
    if (this.#most === Infinity) return true;
    this.#refill(now);
    if (this.#left <= 0) return false;
    this.#left -= cost;
    return true;
  }

  /** Gives back points that were charged for something that turned out to cost nothing. */
  give(points: number): void {
    this.#left = Math.min(this.#most, this.#left + points);
  }

  /** The bucket is full: a new one would be the same. */
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
