import { letGo } from '../../infra/time/clock.ts';
import { RollingMaximum } from '../support/rolling-maximum.ts';
import type { Clock, TimerHandle } from '../../api/clock.ts';

/**
 * The only timer of the hub: looks at everything once in `intervalMs`. If the timer is late, the event loop was late, and so were the
 * clients' answers. It reports that: no connection is judged in that sweep, and the time does not count as a delay of a client.
 */
export class SweepTimer {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #sweep: (now: number, lostMs: number) => void;
  readonly #late: RollingMaximum;
  #timer: TimerHandle;
  #dueAt = 0;
  #isStopped = true;

  /** @param sweep told how long the event loop stood still, 0 if it did not */
  constructor(clock: Clock, intervalMs: number, sweep: (now: number, lostMs: number) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#sweep = sweep;
    this.#late = new RollingMaximum(() => clock.now());
  }

  /** The largest recent delay of the event loop. */
  get lateMs(): number {
    return this.#late.value;
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
      const lateMs = Math.max(0, now - this.#dueAt);
      this.#late.note(lateMs);
      this.#sweep(now, lateMs <= this.#intervalMs / 2 ? 0 : lateMs);
      this.#schedule();
    }, this.#intervalMs);
    // closing the server may end the process, hub or not: an open socket keeps it alive
    letGo(this.#timer);
  }
}
