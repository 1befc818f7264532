import { RollingMaximum } from './rolling-maximum.ts';
import type { Clock } from '../../api/clock.ts';

/** Work that can be done in slices. */
export interface Task {
  /** Works until about `deadline` (on the hub's clock); true when there is nothing left to do. */
  run(deadline: number): boolean;
}

/**
 * One budget for each turn of the event loop, shared by all fan-outs and catch-ups, round robin. The first slice runs at the
 * end of the current turn's code, so that an idle hub delivers at once and several sends of one turn are one visit; what is
 * left runs in later turns, between which sockets and timers have theirs.
 */
export class SliceScheduler {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  readonly #report: (error: unknown) => void;
  readonly #onIdle: () => void;
  readonly #queue: Task[] = [];
  readonly #queued = new Set<Task>();
  #isStarting = false;
  #isWaiting = false;
  #spentMs = 0;
  #longestSliceMs = 0;
  readonly #recentSlice: RollingMaximum;
  /** When the queue was last empty. */
  #busySince = 0;

  /** @param onIdle nothing is left to do in this turn */
  constructor(clock: Clock, sliceMs: number, report: (error: unknown) => void, onIdle: () => void) {
    this.#onIdle = onIdle;
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#recentSlice = new RollingMaximum(() => clock.now());
    this.#report = report;
  }

  /** The longest that one slice has held the event loop. */
  get longestSliceMs(): number {
    return this.#longestSliceMs;
  }

  /** The longest that one slice has held the event loop lately. */
  get recentSliceMs(): number {
    return this.#recentSlice.value;
  }

  /** For how long there has been something to do without a break: a hub that never catches up is under full pressure. */
  get lagMs(): number {
    return this.#queue.length === 0 ? 0 : this.#clock.now() - this.#busySince;
  }

  /** Adding a task that waits already changes nothing. */
  add(task: Task): void {
    if (this.#queued.has(task)) return;
    if (this.#queue.length === 0) this.#busySince = this.#clock.now();
    this.#queued.add(task);
    this.#queue.push(task);
    if (this.#isStarting || this.#spentMs >= this.#sliceMs) return;
    this.#isStarting = true;
    queueMicrotask(this.#start);
  }

  /** The same, but the first slice runs inside the call, as far as others have left something of this turn's budget. */
  start(task: Task): void {
    const begin = this.#clock.now();
    const leftMs = this.#sliceMs - this.#spentMs;
    if (this.#queued.has(task) || leftMs <= 0) {
      this.add(task);
      return;
    }
    const isDone = this.#run(task, begin + leftMs);
    this.#spend(this.#clock.now() - begin);
    this.#awaitNextTurn();
    if (!isDone) this.add(task);
  }

  readonly #start = (): void => {
    this.#isStarting = false;
    this.#slice();
    this.#awaitNextTurn();
  };

  readonly #nextTurn = (): void => {
    this.#isWaiting = false;
    this.#spentMs = 0;
    if (this.#queue.length === 0) {
      this.#onIdle();
      return;
    }
    this.#slice();
    this.#awaitNextTurn();
  };

  #awaitNextTurn(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#clock.nextTurn(this.#nextTurn);
  }

  #slice(): void {
    const begin = this.#clock.now();
    const deadline = begin + this.#sliceMs - this.#spentMs;
    let now = begin;
    do {
      const task = this.#queue.shift();
      if (task === undefined) break;
      this.#queued.delete(task);
      if (!this.#run(task, deadline)) this.#requeue(task);
      now = this.#clock.now();
    } while (now < deadline);
    this.#spend(now - begin);
  }

  #spend(ms: number): void {
    this.#spentMs += ms;
    this.#longestSliceMs = Math.max(this.#longestSliceMs, ms);
    this.#recentSlice.note(ms);
  }

  #run(task: Task, deadline: number): boolean {
    try {
      return task.run(deadline);
    } catch (error) {
      this.#report(error);
      return true;
    }
  }

  #requeue(task: Task): void {
    if (this.#queued.has(task)) return;
    this.#queued.add(task);
    this.#queue.push(task);
  }
}
