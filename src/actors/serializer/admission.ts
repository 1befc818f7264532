import { SerializerQueueFullError } from '../../infra/errors.ts';
import type { Clock } from '../../api/clock.ts';

/** Limits the number of serializations in progress. */
export class Admission {
  readonly limit: number;
  readonly #taken = new Set<Promise<unknown>>();
  /** Callers that wait for a place, in order. */
  readonly #waiting: (() => void)[] = [];
  readonly #nextTurn: Clock['nextTurn'];
  readonly #onChange: (isFull: boolean) => void;

  /** @param onChange called when the last place is taken, and when a place is free again */
  constructor(limit: number, nextTurn: Clock['nextTurn'], onChange: (isFull: boolean) => void) {
    this.limit = limit;
    this.#nextTurn = nextTurn;
    this.#onChange = onChange;
  }

  get taken(): number {
    return this.#taken.size;
  }

  get isFull(): boolean {
    return this.#taken.size >= this.limit;
  }

  /** @throws SerializerQueueFullError */
  assertFree(): void {
    if (this.isFull) throw new SerializerQueueFullError({ queued: this.#taken.size, limit: this.limit });
  }

  /** Keeps a place until `job` is settled. */
  keep(job: Promise<unknown>): void {
    this.#taken.add(job);
    if (this.#taken.size === this.limit) this.#onChange(true);
    const end = (): void => {
      this.#taken.delete(job);
      if (this.#taken.size === this.limit - 1) this.#onChange(false);
      this.#letIn();
    };
    job.then(end, end);
  }

  /** Resolves when a place is free, for one caller at a time. The place is not reserved: the caller has one turn to take it. */
  async whenFree(): Promise<void> {
    if (!this.isFull && this.#waiting.length === 0) return;
    await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  /** Resolves when all present jobs are settled. */
  async all(): Promise<void> {
    await Promise.allSettled(this.#taken);
  }

  /** Wakes one caller in each turn: if all woke at once, they would compete for one place and all but one would be refused. */
  readonly #letIn = (): void => {
    if (this.isFull) return;
    const first = this.#waiting.shift();
    if (first === undefined) return;
    first();
    this.#nextTurn(this.#letIn);
  };
}
