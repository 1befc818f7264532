/** How a task's slice ended. A finished task has also failed, or been cancelled, for all the queue cares. */
export type TaskState = 'finished' | 'unfinished' | 'suspended';

/** Work that can stop at a deadline. */
export interface SliceTask {
  /** Works on until it is done, or `now()` has passed the deadline, or it must wait. Never throws. */
  run(deadlineMs: number): TaskState;
}

/** Shares the time of each turn of the event loop between the encodings and all other work. */
export interface TurnBudget {
  /** The budget of one turn. */
  readonly sliceMs: number;
  readonly now: () => number;
  /** What a first slice may use now. */
  readonly leftMs: number;
  /** A slice inside of a call has taken this long. */
  spend(ms: number): void;
  /** Runs the queue in the next turns, until nothing in it waits. */
  addEncodings(queue: EncodeQueue): void;
}

interface Attendance {
  servedMs: number;
  /** Waits for its next slice; false while it runs or is suspended. */
  isReady: boolean;
}

/** A slice that took this many times its allotted time was held up: by a garbage collection, or another process on the core. */
const HELD_UP = 1.5;

/**
 * Shares what the encodings have of each turn of the event loop between them: least attained service first, so that a small message never
 * waits for big ones.
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
export class EncodeQueue {
  readonly now: () => number;
  readonly #budget: TurnBudget;
  /** Unfinished tasks, in order of arrival. */
  readonly #tasks = new Map<SliceTask, Attendance>();
  #readyCount = 0;
  #isOldestsTurn = false;

  constructor(budget: TurnBudget) {
    this.now = budget.now;
    this.#budget = budget;
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
  start(task: SliceTask, maxMs: number = this.#budget.sliceMs): TaskState {
    const attendance = { servedMs: 0, isReady: false };
    this.#tasks.set(task, attendance);
    return this.#runNow(task, attendance, maxMs);
  }

  /** A suspended task can go on. It does so at once, as far as there is budget. */
  resume(task: SliceTask): void {
    const attendance = this.#tasks.get(task);
    if (attendance !== undefined) this.#runNow(task, attendance, this.#budget.sliceMs);
  }

  /** Forgets a task; it will not be run again. */
  cancel(task: SliceTask): void {
    const attendance = this.#tasks.get(task);
    if (attendance?.isReady === true) this.#readyCount--;
    this.#tasks.delete(task);
  }

  /** The queue's part of a turn; true when nothing in it waits. */
  run(deadlineMs: number): boolean {
    let time = this.now();
    while (this.#readyCount > 0) {
      this.#runNext(time, deadlineMs);
      time = this.now();
      if (time >= deadlineMs) break;
    }
    this.#isOldestsTurn = !this.#isOldestsTurn && this.#readyCount > 0;
    return this.#readyCount === 0;
  }

  #runNow(task: SliceTask, attendance: Attendance, maxMs: number): TaskState {
    const leftMs = Math.min(maxMs, this.#budget.leftMs);
    if (leftMs <= 0) {
      this.#setReady(attendance);
      return 'unfinished';
    }
    const start = this.now();
    const state = this.#run(task, attendance, start, start + leftMs);
    this.#budget.spend(this.now() - start);
    return state;
  }

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
    if (this.#readyCount++ === 0) this.#budget.addEncodings(this);
  }

  #levelOf(servedMs: number): number {
    // Rounding must not keep a task that has had its budget in the lowest level.
    const budgets = servedMs / this.#budget.sliceMs + 0.01;
    return budgets < 1 ? 0 : 1 + Math.floor(Math.log2(budgets) / 2);
  }
}

function chargeFor(tookMs: number, givenMs: number): number {
  return tookMs > givenMs * HELD_UP ? givenMs / 2 : Math.min(tookMs, givenMs);
}
