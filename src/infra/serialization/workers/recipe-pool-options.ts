import type { Clock } from '../../../api/clock.ts';

/** All that the pool needs of a clock. */
export type DeadlineClock = Pick<Clock, 'setTimeout' | 'clearTimeout'>;

export interface RecipePoolOptions {
  /**
   * Most threads at one time, those that are being stopped included.
   * @default the number of cores, at most 4
   */
  readonly workers?: number | undefined;
  /** Most recipes that wait for a worker. */
  readonly maxQueue: number;
  /**
   * From `run` to the bytes, the wait in the queue included, in milliseconds. A recipe that overruns is stopped by ending
   * its thread.
   * @default 5000
   */
  readonly timeoutMs?: number | undefined;
  /** Largest message, in bytes of JSON. */
  readonly maxBytes: number;
  /** Development: what JSON would lose in silence is an error. @default false */
  readonly refuseLossy?: boolean | undefined;
  /**
   * Heap of one worker, in MiB, at least 16: a recipe that needs more fails, and its worker is replaced. Node's default
   * otherwise. A backstop, not a wall: a worker that runs out of memory can abort the whole process
   * (https://github.com/nodejs/node/issues/47224, Node 26.10 too). Node gives a worker near its limit a little more heap and
   * ends it at its next chance. One allocation that passes that too, an array of 30 million elements say, aborts the process;
   * many small ones do so when they are faster than that chance. Buffers are outside of the heap and not counted, and
   * `--max-old-space-size` overrides it. `maxBytes` does not help: it is the building that fails.
   */
  readonly maxOldGenerationSizeMb?: number | undefined;
  /**
   * An idle thread is ended after this many milliseconds. It never keeps the process alive.
   * @default 30000
   */
  readonly idleTimeoutMs?: number | undefined;
  /** Three workers in a row were lost (false), or a job has succeeded after that (true). Must not throw. */
  readonly onHealth?: ((ok: boolean) => void) | undefined;
  /** For the deadlines. */
  readonly clock?: DeadlineClock | undefined;
}

export interface RunOptions {
  /** @default the pool's */
  readonly timeoutMs?: number | undefined;
  /** @default the pool's */
  readonly maxBytes?: number | undefined;
  /** Gives the recipe up, its worker included; the run is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface RecipePoolStats {
  readonly queued: number;
  readonly running: number;
  /** Threads that exist, those that are being stopped included. */
  readonly threads: number;
  readonly completed: number;
  /** Ended by an error of any kind but the deadline; cancelled ones included. */
  readonly failed: number;
  readonly timedOut: number;
}
