import type { Task } from '../support/slice-scheduler.ts';

/** Callbacks between two looks at the clock: most cost next to nothing. */
const LOOKS_PER_LOOK = 16;

/** Calls all registered callbacks again and again, in slices. There may be one for each question and each followed message. */
export class LookRound implements Task {
  readonly #looks: Set<() => boolean>;
  readonly #now: () => number;
  /** A Set's iterator continues where it stopped, and includes callbacks added meanwhile. */
  #rest: Iterator<() => boolean> | undefined;

  /** @param looks each is called until it returns true */
  constructor(looks: Set<() => boolean>, now: () => number) {
    this.#looks = looks;
    this.#now = now;
  }

  /** Starts a round, or continues the last one if it is not over. */
  begin(): void {
    this.#rest ??= this.#looks.values();
  }

  run(deadline: number): boolean {
    for (let asked = 1; ; asked++) {
      const next = this.#rest?.next();
      if (next === undefined || next.done === true) break;
      if (next.value()) this.#looks.delete(next.value);
      if (asked % LOOKS_PER_LOOK === 0 && this.#now() >= deadline) return false;
    }
    this.#rest = undefined;
    return true;
  }
}
