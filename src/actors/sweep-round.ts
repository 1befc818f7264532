import type { Task } from './turns.ts';

/** What the sweep looks at. */
interface Swept {
  sweep(now: number, isFair: boolean): void;
}

/** Connections between two looks at the clock: a look at one of them costs next to nothing, or ten microseconds where a ping is due. */
const VISITS_PER_LOOK = 16;

/**
 * The sweep's way past all connections, in the slices that fan-outs have, too: after a message to ten thousand connections a ping is due
 * for each, and that many system calls at once held the event loop for eighty milliseconds.
 */
export class SweepRound implements Task {
  readonly #connections: () => Iterable<Swept>;
  readonly #now: () => number;
  /** A slice that comes this much after the one before says that the event loop was late. */
  readonly #lateMs: number;
  /** A Map's iterator goes on where it stopped, with those that came meanwhile and without those that went. */
  #rest: Iterator<Swept> | undefined;
  #isFair = true;
  #lookedAt = 0;

  constructor(connections: () => Iterable<Swept>, now: () => number, lateMs: number) {
    this.#connections = connections;
    this.#now = now;
    this.#lateMs = lateMs;
  }

  /**
   * Where the last round is not over, it goes on instead.
   * @param isFair false when our own event loop was late: nobody is judged for that
   */
  begin(isFair: boolean): void {
    this.#rest ??= this.#connections()[Symbol.iterator]();
    this.#isFair = isFair;
    this.#lookedAt = this.#now();
  }

  run(deadline: number): boolean {
    let now = this.#now();
    const isFair = this.#isFair && now - this.#lookedAt <= this.#lateMs;
    for (let visits = 1; ; visits++) {
      const next = this.#rest?.next();
      if (next === undefined || next.done === true) break;
      next.value.sweep(now, isFair);
      if (visits % VISITS_PER_LOOK !== 0) continue;
      now = this.#now();
      this.#lookedAt = now;
      if (now >= deadline) return false;
    }
    this.#rest = undefined;
    return true;
  }
}
