import { VirtualClock } from '../../src/testing/index.ts';

/**
 * Virtual time that also passes while work is done: each look at the clock takes `tickMs`, so that slices end in the middle
 * of a fan-out. What is in `interleaved` happens between the turns that follow, one in each.
 */
export class ModelClock extends VirtualClock {
  readonly interleaved: (() => void)[] = [];
  readonly #tickMs: number;
  #spentMs = 0;

  constructor(tickMs: number) {
    super();
    this.#tickMs = tickMs;
  }

  override now(): number {
    this.#spentMs += this.#tickMs;
    return this.peek();
  }

  /** The time, without taking any. */
  peek(): number {
    return super.now() + this.#spentMs;
  }

  override nextTurn(callback: () => void): void {
    super.nextTurn(() => {
      this.interleaved.shift()?.();
      callback();
    });
  }

  /** Settles until all that was to be interleaved has happened. */
  override async settle(): Promise<void> {
    await super.settle();
    for (let act = this.interleaved.shift(); act !== undefined; act = this.interleaved.shift()) {
      act();
      await super.settle();
    }
  }
}
