import { SerializerQueueFullError } from '../infra/errors.ts';

/** The bounded number of serializations under way. */
export class Places {
  readonly limit: number;
  readonly #taken = new Set<Promise<unknown>>();
  readonly #onChange: (isFull: boolean) => void;

  /** @param onChange called when the last place is taken, and when it is free again */
  constructor(limit: number, onChange: (isFull: boolean) => void) {
    this.limit = limit;
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
    };
    job.then(end, end);
  }

  /** Resolves when one of the jobs is settled, well or not. */
  async next(): Promise<void> {
    await Promise.race(this.#taken).catch(() => {});
  }

  /** Resolves when all jobs of now are settled. */
  async all(): Promise<void> {
    await Promise.allSettled(this.#taken);
  }
}
