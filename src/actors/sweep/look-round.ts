import type { Task } from '../support/slice-scheduler.ts';

/** Looks between two looks at the clock: most cost next to nothing. */
const LOOKS_PER_LOOK = 16;

/** Asks all who want to be asked again and again, in slices: there may be one for each question and each message that is followed. */
export class LookRound implements Task {
  readonly #looks: Set<() => boolean>;
  readonly #now: () => number;
  /** A Set's iterator goes on where it stopped, with those that came meanwhile. */
  #rest: Iterator<() => boolean> | undefined;

  /** @param looks each is asked until its answer is true */
  constructor(looks: Set<() => boolean>, now: () => number) {
    this.#looks = looks;
    this.#now = now;
  }

  /** Where the last round is not over, it goes on instead. */
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
