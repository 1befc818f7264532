import { EncodeScheduler } from '../../../src/infra/serialization/slicer/slicer.ts';

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

  scheduler(budgetMs = 2): EncodeScheduler {
    return new EncodeScheduler({ budgetMs, now: this.now, defer: this.defer });
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
  async drainAsync(scheduler: EncodeScheduler): Promise<void> {
    while (scheduler.pending > 0) {
      this.turn();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }
}
