import type { Clock, TimerHandle } from '../../../api/clock.ts';

/** An own append may be answered before the notices of earlier entries have arrived on the other connection. */
const MIN_WAIT_MS = 20;
const MAX_WAIT_MS = 1_000;

/** Has the log asked where entries wait for those before them: soon at first, then less and less often. */
export class Overtaken {
  readonly #clock: Clock;
  readonly #ask: () => void;
  #timer: TimerHandle;
  #waitMs = MIN_WAIT_MS;

  constructor(clock: Clock, ask: () => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** An entry waits. */
  expect(): void {
    this.#timer ??= this.#clock.setTimeout(this.#late, this.#waitMs);
  }

  /** Entries that were missing have come. */
  came(): void {
    this.#waitMs = MIN_WAIT_MS;
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  readonly #late = (): void => {
    this.#timer = undefined;
    this.#waitMs = Math.min(MAX_WAIT_MS, this.#waitMs * 2);
    this.#ask();
  };
}
