/** How a task's slice ended. A finished task has also failed, or been cancelled, for all the scheduler cares. */
export type TaskState = 'finished' | 'unfinished' | 'suspended';

/** Work that can stop at a deadline. */
export interface SliceTask {
  /** Works on until it is done, or `now()` has passed the deadline, or it must wait. Never throws. */
  run(deadlineMs: number): TaskState;
}

export interface SliceSchedulerOptions {
  /**
   * The time that all tasks together may hold the loop in one turn.
   * @default 2
   */
  readonly budgetMs?: number;
  /** Milliseconds of a monotonic clock. @default performance.now */
  readonly now?: () => number;
  /** Runs a callback in the next turn of the loop. @default setImmediate */
  readonly defer?: (callback: () => void) => void;
}

interface Attendance {
  servedMs: number;
  /** Waits for its next slice; false while it runs or is suspended. */
  isReady: boolean;
}

/** The part of the budget that is kept for tasks under way, however much first slices have used in the same turn. */
const RESERVED = 0.25;

/** A slice that took so many times what it was given was held up: by a collection, or another process on the core. */
const HELD_UP = 1.5;

/**
 * Shares one budget per turn of the event loop between all tasks of a process: least attained service first, so that a
 * small message never waits for big ones.
 *
 * Service is compared in levels: up to one turn's budget, then up to four times as much, and so on. Within a level the
 * oldest task goes first: equal messages are finished one after the other instead of all at the end, and give their memory
 * back sooner. Only in the lowest level the newest goes first: a message that comes behind a burst of big ones does not
 * have to wait until each of them has shown itself to be big. A task leaves that level after one turn's budget.
 *
 * Every other turn belongs to the oldest task, whatever it had. Hundreds of big messages at once would else advance side by side,
 * and none be done before its deadline (measured: 300 of 5 MB on a busy machine, 1 done and 299 late).
 *
 * A slice is charged what it was given at most, and half of that where it was held up, which is not its own doing: a small message
 * must not be taken for a big one because of one collection, and wait for all of those (measured: 200 ms instead of 1).
 */
export class EncodeScheduler {
  readonly budgetMs: number;
  readonly now: () => number;
  readonly #defer: (callback: () => void) => void;
  /** Unfinished tasks, in order of arrival. */
  readonly #tasks = new Map<SliceTask, Attendance>();
  #readyCount = 0;
  /** Used by slices outside of our own turn (inside a `send`) since the last turn. */
  #spentMs = 0;
  #isArmed = false;
  #isOldestsTurn = false;

  constructor(options: SliceSchedulerOptions = {}) {
    this.budgetMs = options.budgetMs ?? 2;
    this.now = options.now ?? (() => performance.now());
    this.#defer = options.defer ?? setImmediate;
  }

  /** Tasks that are not finished, suspended ones included. */
  get pending(): number {
    return this.#tasks.size;
  }

  /**
   * Takes on a task and gives it a first slice at once, as far as the turn's budget has not been used by others.
   *
   * @param maxMs limit for the first slice
   */
  start(task: SliceTask, maxMs: number = this.budgetMs): TaskState {
    const attendance = { servedMs: 0, isReady: false };
    this.#tasks.set(task, attendance);
    return this.#runNow(task, attendance, maxMs);
  }

  /** A suspended task can go on. It does so at once, as far as there is budget. */
  resume(task: SliceTask): void {
    const attendance = this.#tasks.get(task);
    if (attendance !== undefined) this.#runNow(task, attendance, this.budgetMs);
  }

  /** Forgets a task; it will not be run again. */
  cancel(task: SliceTask): void {
    const attendance = this.#tasks.get(task);
    if (attendance?.isReady === true) this.#readyCount--;
    this.#tasks.delete(task);
  }

  #runNow(task: SliceTask, attendance: Attendance, maxMs: number): TaskState {
    this.#arm();
    const leftMs = Math.min(maxMs, this.budgetMs - this.#spentMs);
    if (leftMs <= 0) {
      this.#setReady(attendance);
      return 'unfinished';
    }
    const start = this.now();
    const state = this.#run(task, attendance, start, start + leftMs);
    this.#spentMs += this.now() - start;
    return state;
  }

  readonly #turn = (): void => {
    this.#isArmed = false;
    let time = this.now();
    const end = time + Math.max(this.budgetMs - this.#spentMs, this.budgetMs * RESERVED);
    this.#spentMs = 0;
    while (this.#readyCount > 0) {
      this.#runNext(time, end);
      time = this.now();
      if (time >= end) break;
    }
    this.#isOldestsTurn = !this.#isOldestsTurn && this.#readyCount > 0;
    if (this.#readyCount > 0) this.#arm();
  };

  #runNext(time: number, deadline: number): void {
    let next: SliceTask | undefined;
    let nextAttendance: Attendance | undefined;
    let nextLevel = Infinity;
    for (const [task, attendance] of this.#tasks) {
      if (!attendance.isReady) continue;
      if (this.#isOldestsTurn) {
        next = task;
        nextAttendance = attendance;
        break;
      }
      const level = this.#levelOf(attendance.servedMs);
      if (level > nextLevel || (level === nextLevel && level > 0)) continue;
      next = task;
      nextAttendance = attendance;
      nextLevel = level;
    }
    if (next === undefined || nextAttendance === undefined) return;
    nextAttendance.isReady = false;
    this.#readyCount--;
    this.#run(next, nextAttendance, time, deadline);
  }

  #run(task: SliceTask, attendance: Attendance, start: number, deadline: number): TaskState {
    const state = task.run(deadline);
    attendance.servedMs += chargeFor(this.now() - start, deadline - start);
    if (state === 'finished') this.#tasks.delete(task);
    else if (state === 'unfinished' && this.#tasks.has(task)) this.#setReady(attendance);
    return state;
  }

  #setReady(attendance: Attendance): void {
    attendance.isReady = true;
    this.#readyCount++;
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#defer(this.#turn);
  }

  #levelOf(servedMs: number): number {
    // Rounding must not keep a task that has had its budget in the lowest level.
    const budgets = servedMs / this.budgetMs + 0.01;
    return budgets < 1 ? 0 : 1 + Math.floor(Math.log2(budgets) / 2);
  }
}

function chargeFor(tookMs: number, givenMs: number): number {
  return tookMs > givenMs * HELD_UP ? givenMs / 2 : Math.min(tookMs, givenMs);
}
