import type { Clock, TimerHandle } from '../../api/clock.ts';

/** A thread with text that waits for its window. */
export interface TextSource {
  /** Offers its members what waits. */
  offerText(): void;
}

/** The one timer of all token streams of a hub: runs while text waits. */
export class FlushTimer {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #waiting = new Set<TextSource>();
  #timer: TimerHandle;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  /** Its text goes out with the next tick, in a window's time at most. */
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
