import { RoundRobin } from '../../infra/round-robin.ts';
import type { Task } from '../support/slice-scheduler.ts';

/** Items between two looks at the clock: most cost next to nothing, some a system call. */
const VISITS_PER_LOOK = 16;

/** Visits each item once, in slices of the scheduler. It starts the next round when it runs again after the last item. */
export class Round<T extends object> implements Task {
  readonly #items: RoundRobin<T>;
  readonly #now: () => number;
  readonly #visit: (item: T) => void;

  /** @param items a live collection: items may come and go during a round */
  constructor(items: { values(): Iterator<T> }, now: () => number, visit: (item: T) => void) {
    this.#items = new RoundRobin(items);
    this.#now = now;
    this.#visit = visit;
  }

  /** Begins with the first item again. */
  restart(): void {
    this.#items.restart();
  }

  run(deadline: number): boolean {
    for (let visits = 1; ; visits++) {
      const item = this.#items.next();
      if (item === undefined) return true;
      this.#visit(item);
      if (visits % VISITS_PER_LOOK === 0 && this.#now() >= deadline) return false;
    }
  }
}
