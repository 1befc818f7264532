import { SliceScheduler } from '../../../src/actors/support/slice-scheduler.ts';
import { EncodeQueue } from '../../../src/infra/serialization/slicer/slicer.ts';

const fail = (error: unknown): void => {
  throw error;
};

/** An event loop that turns when it is told to, with a clock that only moves when it is looked at. */
export class ManualLoop {
  readonly #callbacks: (() => void)[] = [];
  /** What each look at the clock adds. With a huge tick every slice ends at its first look. */
  readonly #tickMs: number;
  time = 0;
  turns = 0;

  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  readonly now = (): number => {
    this.time += this.#tickMs;
    return this.time;
  };

  readonly defer = (callback: () => void): void => {
    this.#callbacks.push(callback);
  };

  queue(budgetMs = 2): EncodeQueue {
    return new EncodeQueue(new SliceScheduler({ now: this.now, nextTurn: this.defer }, budgetMs, fail, () => {}));
  }

  /** One turn; false when there was nothing to do. */
  turn(): boolean {
    const callbacks = this.#callbacks.splice(0);
    for (const callback of callbacks) callback();
    this.turns++;
    return callbacks.length > 0;
  }

  /** Turns until nothing is left to do. */
  drain(): void {
    while (this.turn());
  }

  /** The same, for jobs that wait for promises in between. */
  async drainAsync(queue: EncodeQueue): Promise<void> {
    while (queue.pending > 0) {
      this.turn();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }
}
