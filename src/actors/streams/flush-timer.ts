import type { Clock, TimerHandle } from '../../api/clock.ts';

/** A thread with stream text that waits for the end of its window. */
export interface TextSource {
  /** Offers the waiting text to the thread's members. */
  offerText(): void;
}

/** The only timer for all token streams of a hub. It runs while text waits. */
export class FlushTimer {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #waiting = new Set<TextSource>();
  #timer: TimerHandle;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  /** Sends the source's text with the next tick, after one window at most. */
  add(source: TextSource): void {
    if (this.#waiting.size === 0) this.#timer = this.#clock.setTimeout(this.#tick, this.#windowMs);
    this.#waiting.add(source);
  }

  stop(): void {
    this.#waiting.clear();
    this.#clock.clearTimeout(this.#timer);
  }

  readonly #tick = (): void => {
    const due = [...this.#waiting];
    this.#waiting.clear();
    for (const source of due) source.offerText();
  };
}
