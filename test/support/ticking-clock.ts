import { VirtualClock } from '../../src/testing/index.ts';

/** Virtual time that also passes while code works: a little with each look at the clock. So work in slices ends its slice after so many looks. */
export class TickingClock extends VirtualClock {
  readonly #tickMs: number;
  #ticksMs = 0;

  constructor(tickMs: number) {
    super();
    this.#tickMs = tickMs;
  }

  override now(): number {
    return super.now() + (this.#ticksMs += this.#tickMs);
  }
}
