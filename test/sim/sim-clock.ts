import type { Clock, TimerHandle } from '../../src/index.ts';
import { drainJobs } from './drain-jobs.ts';

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
  isOver: boolean;
}

/** The time of day at which each schedule begins. */
const BEGUN_AT = Date.UTC(2026, 0, 1);

/**
 * Virtual time that moves in one synchronous call: the jobs of promises are drained in place, not awaited. That takes a macrotask to run in,
 * see `drainJobs`. Promises are drained after each timer and each turn, as Node does.
 */
export class SimClock implements Clock {
  #now = 0;
  /** In the order in which they fire. */
  readonly #timers: Timer[] = [];
  #turns: (() => void)[] = [];

  /** Waiting timers and turns: zero after everything has been closed. */
  get pending(): number {
    return this.#timers.length + this.#turns.length;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return BEGUN_AT + this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    const timer = { dueAt: this.#now + Math.max(0, delayMs), callback, isOver: false };
    // most timers are for later than those that wait
    let place = this.#timers.length;
    while (place > 0 && (this.#timers[place - 1]?.dueAt ?? 0) > timer.dueAt) place--;
    this.#timers.splice(place, 0, timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    if (!isTimer(handle) || handle.isOver) return;
    handle.isOver = true;
    this.#timers.splice(this.#timers.indexOf(handle), 1);
  }

  nextTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** Work has taken this time: no timer fires in between. */
  spend(ms: number): void {
    this.#now += ms;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    this.#settle();
    for (;;) {
      const [next] = this.#timers;
      if (next === undefined || next.dueAt > end) break;
      this.#now = Math.max(this.#now, next.dueAt);
      this.#fire(next);
      this.#settle();
    }
    this.#now = Math.max(this.#now, end);
  }

  #fire(timer: Timer): void {
    timer.isOver = true;
    this.#timers.shift();
    timer.callback();
  }

  /** Lets promises and turns run until nothing is left to do at this instant. */
  #settle(): void {
    drainJobs();
    while (this.#turns.length > 0) {
      const turns = this.#turns;
      this.#turns = [];
      for (const turn of turns) {
        turn();
        drainJobs();
      }
      // work that takes time and asks for turn after turn does not keep timers and packets away, as it does not in Node
      for (let [next] = this.#timers; next !== undefined && next.dueAt < this.#now; [next] = this.#timers) {
        this.#fire(next);
        drainJobs();
      }
    }
  }
}

function isTimer(handle: TimerHandle): handle is Timer {
  return typeof handle === 'object' && handle !== null && 'dueAt' in handle && 'isOver' in handle;
}
