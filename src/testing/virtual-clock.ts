import type { Clock, TimerHandle } from '../api/clock.ts';

interface Timer {
  readonly dueAt: number;
  /** Orders timers that are due at the same instant by their creation. */
  readonly seq: number;
  readonly callback: () => void;
}

/**
 * Time that moves only when a test moves it, instant by instant, so that a chain of timers sees every step of a long advance. Turns of the
 * event loop are virtual too. Promises are not: `advance` lets their jobs run between two steps. Anything that needs a turn, such as a
 * receipt, comes only while the clock is moved. So does the end of `hub.close()`, within a second.
 *
 * @example
 * ```ts
 * const clock = new VirtualClock();
 * const hub = createHub({ clock });
 * const link = new FakeLink();
 * const connection = hub.accept(link.attach, { userId: 'ada' });
 * await connection.join('t');
 * link.stall();
 * const sent = hub.thread('t').send('hello');
 * await clock.settle(); // turns, at this instant
 * await sent;
 * await clock.advance(12_000);
 * connection.state; // 'retrying'
 * link.resume();
 * await clock.advance(10_000);
 * connection.state; // 'open', and link.messages has the hello, the joined and the msg
 * const closed = hub.close();
 * await clock.advance(1_000);
 * await closed;
 * ```
 */
export class VirtualClock implements Clock {
  #now: number;
  /** In the order in which they fire: a test may have ten thousand of them. */
  readonly #timers: Timer[] = [];
  #lastSeq = 0;
  #turns: (() => void)[] = [];

  constructor(startAt = 0) {
    this.#now = startAt;
  }

  /** Waiting timers and turns: zero after everything has been closed. */
  get pending(): number {
    return this.#timers.length + this.#turns.length;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    const timer = { dueAt: this.#now + Math.max(0, delayMs), seq: ++this.#lastSeq, callback };
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    if (isTimer(handle)) this.#remove(handle);
  }

  nextTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** Lets promises and turns run until nothing is left to do at this instant. */
  async settle(): Promise<void> {
    do {
      await drainMicrotasks();
      for (const turn of this.#turns.splice(0)) turn();
      await drainMicrotasks();
    } while (this.#turns.length > 0);
  }

  /** Moves time, stopping at every timer on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (;;) {
      const [next] = this.#timers;
      if (next === undefined || next.dueAt > end) break;
      this.#now = Math.max(this.#now, next.dueAt);
      this.#fire();
      await this.settle();
    }
    this.#now = end;
    await this.settle();
  }

  /**
   * Moves time, timer by timer, until it holds.
   * @throws Error if it does not within so many milliseconds of virtual time
   */
  async until(holds: () => boolean, withinMs = 60_000): Promise<void> {
    const end = this.#now + withinMs;
    await this.settle();
    while (!holds()) {
      const due = this.#timers[0]?.dueAt ?? Infinity;
      if (due > end) throw new Error(`it does not hold within ${withinMs} ms of virtual time`);
      await this.advance(Math.max(0, due - this.#now));
    }
  }

  /**
   * Moves time until the work is done: `await clock.during(hub.close())`.
   * @returns what it resolves with; rejects as it does, or after so many milliseconds of virtual time
   */
  async during<T>(work: Promise<T>, withinMs = 60_000): Promise<T> {
    let isDone = false;
    const note = (): void => {
      isDone = true;
    };
    work.then(note, note);
    await this.until(() => isDone, withinMs);
    return work;
  }

  /** Fires the timers that are due now; a timer that another one cancels does not fire. */
  #fire(): void {
    const due = this.#timers.slice(0, this.#placeOf({ dueAt: this.#now, seq: Infinity }));
    for (const timer of due) {
      if (this.#remove(timer)) timer.callback();
    }
  }

  /** False if it has fired or was removed. */
  #remove(timer: Timer): boolean {
    const place = this.#placeOf(timer);
    if (this.#timers[place] !== timer) return false;
    this.#timers.splice(place, 1);
    return true;
  }

  /** How many timers fire before this one. */
  #placeOf({ dueAt, seq }: Pick<Timer, 'dueAt' | 'seq'>): number {
    let [low, high] = [0, this.#timers.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle];
      if (other !== undefined && (other.dueAt < dueAt || (other.dueAt === dueAt && other.seq < seq))) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Time that work takes while it runs: no timer fires in between. */
  spend(ms: number): void {
    this.#now += ms;
  }

  /** Moves time in one leap, as a blocked event loop sees it: timers fire late, and before any turn. */
  async freeze(ms: number): Promise<void> {
    this.#now += ms;
    this.#fire();
    await this.advance(0);
  }
}

function isTimer(handle: TimerHandle): handle is Timer {
  return typeof handle === 'object' && handle !== null && 'dueAt' in handle && 'callback' in handle;
}

/** Runs the queued jobs, and those that they queue. */
function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
