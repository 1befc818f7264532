import type { Clock, TimerHandle } from '../infra/clock.ts';

/**
 * The one timer of the hub: looks at everything once in `intervalMs`. When it comes late, the event loop was late, and so were
 * the answers of peers: it says so, and nobody is judged in that sweep.
 */
export class Sweeper {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #sweep: (now: number, isFair: boolean) => void;
  #timer: TimerHandle;
  #dueAt = 0;
  #isStopped = true;

  constructor(clock: Clock, intervalMs: number, sweep: (now: number, isFair: boolean) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#sweep = sweep;
  }

  start(): void {
    this.#isStopped = false;
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#clock.clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#dueAt = this.#clock.now() + this.#intervalMs;
    this.#timer = this.#clock.setTimeout(() => {
      const now = this.#clock.now();
      this.#sweep(now, now - this.#dueAt <= this.#intervalMs / 2);
      this.#schedule();
    }, this.#intervalMs);
  }
}
