import type { Clock, TimerHandle } from '../api/clock.ts';

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/**
 * Time that moves only when a test says so, instant by instant, so that a chain of timers sees every step of a long
 * advance. Turns of the event loop are virtual too; promises are not: `advance` lets their jobs run between two steps. What needs
 * a turn, a receipt say, comes only while the clock is moved; so does the end of `hub.close()`, within a second.
 *
 * @example
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
 */
export class VirtualClock implements Clock {
  #now: number;
  /** In order of creation, which is the order of those that are due at the same instant. */
  readonly #timers = new Set<Timer>();
  #turns: (() => void)[] = [];

  constructor(startAt = 0) {
    this.#now = startAt;
  }

  /** Timers and turns that wait: zero after everything has been closed. */
  get pending(): number {
    return this.#timers.size + this.#turns.length;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    const timer = { dueAt: this.#now + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    if (isTimer(handle)) this.#timers.delete(handle);
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
      const dueAt = Math.min(...[...this.#timers].map((timer) => timer.dueAt));
      if (dueAt > end) break;
      this.#now = Math.max(this.#now, dueAt);
      this.#fire();
      await this.settle();
    }
    this.#now = end;
    await this.settle();
  }

  /** What is due now; a timer that one of them cancels does not fire. */
  #fire(): void {
    for (const timer of [...this.#timers].filter(({ dueAt }) => dueAt <= this.#now)) {
      if (this.#timers.delete(timer)) timer.callback();
    }
  }

  /** Time that work takes while it runs: no timer fires in between. */
  spend(ms: number): void {
    this.#now += ms;
  }

  /** Moves time in one leap, as an event loop that was blocked sees it: timers fire late, and before any turn. */
  async freeze(ms: number): Promise<void> {
    this.#now += ms;
    this.#fire();
    await this.advance(0);
  }
}

function isTimer(handle: TimerHandle): handle is Timer {
  return typeof handle === 'object' && handle !== null && 'dueAt' in handle && 'callback' in handle;
}

/** The jobs that are queued now, and those that they queue. */
function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
