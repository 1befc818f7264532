import type { Body } from '../../../api/body.ts';
import { inTime } from '../../time/in-time.ts';
import type { DeadlineClock } from './recipe-pool-options.ts';
import { epochNow } from './worker-protocol.ts';
import type { RecipeTask, WorkTiming } from './worker-protocol.ts';

/** A recipe, built and serialized. */
export interface EncodedRecipe extends WorkTiming {
  readonly body: Body;
  readonly bytes: number;
  /** From the call to the worker's start: the queue, and the start of a thread where none was idle. */
  readonly queueWaitMs: number;
}

export interface JobLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly clock: DeadlineClock;
  readonly onDeadline: () => void;
  readonly onCancel: () => void;
}

/** One recipe on its way through the pool: its promise, its deadline, and the means to stop its worker. Settled once. */
export class PoolJob {
  readonly task: RecipeTask;
  readonly timeoutMs: number;
  readonly submittedAt = epochNow();
  readonly #outcome = Promise.withResolvers<EncodedRecipe>();
  readonly #stop = new AbortController();
  readonly #limits: JobLimits;
  #isSettled = false;

  constructor(task: RecipeTask, limits: JobLimits) {
    this.task = task;
    this.timeoutMs = limits.timeoutMs;
    this.#limits = limits;
    // a failure is the caller's of `outcome`
    inTime(limits.clock, limits.timeoutMs, this.outcome, limits.onDeadline).catch(() => {});
    limits.signal?.addEventListener('abort', limits.onCancel, { once: true });
  }

  get outcome(): Promise<EncodedRecipe> {
    return this.#outcome.promise;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** For piscina: aborted when the worker on this job is to be ended. */
  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  stop(): void {
    this.#stop.abort();
  }

  resolve(encoded: EncodedRecipe): void {
    this.#settle();
    this.#outcome.resolve(encoded);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#outcome.reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#limits.signal?.removeEventListener('abort', this.#limits.onCancel);
  }
}
