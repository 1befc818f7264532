import type { Clock, TimerHandle } from '../../src/index.ts';

/** What `Date.now` is ahead of the network's clock in the process that runs. */
export const timeOfDay = { skewMs: 0 };

/** What a process that does not run has to do when it goes on. */
interface Due {
  readonly isTimer: boolean;
  readonly callback: () => void;
}

/** The clock of one process: after a crash nothing that it was to do is done. A frozen process does it later. */
export class NodeClock implements Clock {
  readonly #clock: Clock;
  readonly #spend: (ms: number) => void;
  #isDead = false;
  #frozen: Due[] | undefined;
  #skewMs = 0;
  /** What a look at the clock costs. */
  costMs = 0;

  /** @param spend takes time while a callback runs */
  constructor(clock: Clock, spend: (ms: number) => void = () => {}) {
    this.#clock = clock;
    this.#spend = spend;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  now(): number {
    if (this.costMs > 0 && !this.#isDead) this.#spend(this.costMs);
    return this.#clock.now();
  }

  wallTime(): number {
    return (this.#clock.wallTime?.() ?? this.#clock.now()) + this.#skewMs;
  }

  /** The time of day is set. */
  jump(ms: number): void {
    this.#skewMs += ms;
  }

  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    return this.#clock.setTimeout(() => this.#do({ isTimer: true, callback }), delayMs);
  }

  clearTimeout(handle: TimerHandle): void {
    this.#clock.clearTimeout(handle);
  }

  nextTurn(callback: () => void): void {
    this.#clock.nextTurn(() => this.run(callback));
  }

  /** Does it now, when the process goes on, or never. */
  run(callback: () => void): void {
    this.#do({ isTimer: false, callback });
  }

  crash(): void {
    this.#isDead = true;
    this.#frozen = undefined;
  }

  /** As SIGSTOP, or an event loop that is held. */
  freeze(): void {
    if (!this.#isDead) this.#frozen ??= [];
  }

  /** @param areTimersFirst as in Node, where timers that are late come before what has been received meanwhile */
  thaw(areTimersFirst = false): void {
    const waiting = this.#frozen ?? [];
    this.#frozen = undefined;
    const sorted = areTimersFirst ? waiting.toSorted((a, b) => Number(b.isTimer) - Number(a.isTimer)) : waiting;
    for (const due of sorted) this.#do(due);
  }

  #do(due: Due): void {
    if (this.#isDead) return;
    if (this.#frozen !== undefined) {
      this.#frozen.push(due);
      return;
    }
    this.enter();
    due.callback();
  }

  /** What runs from here on runs in this process. */
  enter(): void {
    timeOfDay.skewMs = this.#skewMs;
  }
}
