import { RoundRobin } from '../round-robin.ts';

/** Threads that one round looks at: a hundred thousand at once would block the event loop. */
const THREADS_OF_A_ROUND = 10_000;

/** Threads between two looks at the time. */
const VISITS_PER_LOOK = 16;

/** Trims the threads of a log, some in each sweep and in slices. Each call continues where the last one stopped. */
export class TrimRound<T extends object> {
  readonly #threads: RoundRobin<T>;
  readonly #trim: (thread: T) => boolean;
  /** Threads that this round has still to look at. */
  #left = 0;
  /** A thread that has more to trim. */
  #unfinished: T | undefined;

  /** @param trim trims some of a thread; false if more is left */
  constructor(threads: { values(): Iterator<T> }, trim: (thread: T) => boolean) {
    this.#threads = new RoundRobin(threads);
    this.#trim = trim;
  }

  /** False if the time was up before the end of the round. */
  run(isTimeUp: () => boolean): boolean {
    if (this.#isOver) this.#left = THREADS_OF_A_ROUND;
    while (!this.#isOver) {
      const isNew = this.#unfinished === undefined;
      const thread = this.#unfinished ?? this.#threads.next();
      if (thread === undefined) break;
      if (isNew) this.#left--;
      this.#unfinished = this.#trim(thread) ? undefined : thread;
      const isLook = this.#unfinished !== undefined || this.#left % VISITS_PER_LOOK === 0;
      if (isLook && !this.#isOver && isTimeUp()) return false;
    }
    this.#left = 0;
    return true;
  }

  /** The log is closed. */
  stop(): void {
    this.#threads.restart();
    this.#left = 0;
    this.#unfinished = undefined;
  }

  get #isOver(): boolean {
    return this.#left === 0 && this.#unfinished === undefined;
  }
}
