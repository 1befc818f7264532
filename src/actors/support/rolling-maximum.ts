/** The minimum time that a reading looks back; the maximum is twice that. */
const WINDOW_MS = 30_000;

/**
 * The greatest value of the last 30 to 60 seconds. A maximum that resets when read would let two exporters take each other's readings away.
 * This one gives every reader the same value.
 */
export class RollingMaximum {
  readonly #now: () => number;
  #windowEndsAt: number;
  #before = 0;
  #current = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#windowEndsAt = now() + WINDOW_MS;
  }

  get value(): number {
    this.#turn();
    return Math.max(this.#before, this.#current);
  }

  note(value: number): void {
    this.#turn();
    if (value > this.#current) this.#current = value;
  }

  #turn(): void {
    const late = this.#now() - this.#windowEndsAt;
    if (late < 0) return;
    this.#before = late < WINDOW_MS ? this.#current : 0;
    this.#current = 0;
    this.#windowEndsAt = this.#now() + WINDOW_MS;
  }
}
