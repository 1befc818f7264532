import type { Clock } from '../../../api/clock.ts';

/** Big answers that may be on their way to one shard at the same time. */
const MAX_WINDOW = 16;
/** What is small may wait for so long behind what is big. */
const QUEUE_MS = 50;

/**
 * Lets through as much of what is big as the way to one shard takes without a queue: while answers come as soon as the quickest did, it
 * lets one more through, and half as many where they come late. So nodes that fetch the same large message at the same time leave room
 * for what is small, on a slow line as well. First come, first served.
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
