import type { Latency } from '../../src/testing/index.ts';

/** How long each way takes, and how much longer a packet may take. */
export interface Delays {
  readonly toClientMs: number;
  readonly toHubMs: number;
  readonly jitterMs: number;
}

/** How far a client is from the hubs. That may change while packets are on their way. */
export class SimLatency {
  readonly #usual: Delays;
  readonly #random: () => number;
  #now: Delays;

  /** @param ms of each way, while nothing is wrong */
  constructor(ms: number, random: () => number) {
    this.#usual = { toClientMs: ms, toHubMs: ms, jitterMs: 0 };
    this.#now = this.#usual;
    this.#random = random;
  }

  /** Of a handshake. */
  get ms(): number {
    return this.#now.toHubMs;
  }

  /** Of the next packet. */
  readonly next: Latency = (to) => {
    const { toClientMs, toHubMs, jitterMs } = this.#now;
    const least = to === 'client' ? toClientMs : toHubMs;
    return jitterMs === 0 ? least : least + Math.floor(this.#random() * jitterMs);
  };

  change(delays: Delays): void {
    this.#now = delays;
  }

  heal(): void {
    this.#now = this.#usual;
  }
}
