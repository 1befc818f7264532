import type { Clock } from '../../../api/clock.ts';

/** Maximum big answers on their way to one shard at the same time. */
const MAX_WINDOW = 16;
/** How long small commands may wait behind big ones. */
const QUEUE_MS = 50;

/**
 * Lets through as much big data as the line to one shard takes without a queue. While answers come as fast as the fastest one, it lets one
 * more through; if they are late, half as many. So nodes that fetch the same large message at the same time leave room for small commands,
 * on a slow line as well. First come, first served.
 */
export class BulkLane {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #window = 1;
  #inFlight = 0;
  #quickestMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get window(): number {
    return this.#window;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inFlight < this.#window) this.#inFlight++;
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    const since = this.#clock.now();
    try {
      const answer = await work();
      this.#adapt(this.#clock.now() - since);
      return answer;
    } catch (error) {
      this.#window = 1;
      throw error;
    } finally {
      this.#inFlight--;
      this.#admit();
    }
  }

  #adapt(ms: number): void {
    this.#quickestMs = Math.min(this.#quickestMs, ms);
    const isQuick = ms <= this.#quickestMs + QUEUE_MS;
    this.#window = isQuick ? Math.min(MAX_WINDOW, this.#window + 1) : Math.ceil(this.#window / 2);
  }

  #admit(): void {
    while (this.#inFlight < this.#window) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#inFlight++;
      next();
    }
  }
}
