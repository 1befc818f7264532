import type { Clock } from '../api/clock.ts';

/** How long a packet takes to that end, in milliseconds. Asked for each packet. */
export type Latency = (to: 'client' | 'hub') => number;

/** One direction of a line: packets arrive in the order in which they left, however long each takes. */
export class Way {
  readonly #clock: Clock;
  readonly #latency: () => number;
  readonly #inFlight: (() => void)[] = [];
  #lastAt = -Infinity;

  constructor(clock: Clock, latency: () => number) {
    this.#clock = clock;
    this.#latency = latency;
  }

  send(arrive: () => void): void {
    const now = this.#clock.now();
    // TCP gives nothing out before what was sent earlier
    this.#lastAt = Math.max(this.#lastAt, now + this.#latency());
    this.#inFlight.push(arrive);
    this.#clock.setTimeout(() => this.#inFlight.shift()?.(), this.#lastAt - now);
  }
}
