import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { SharedBody } from '../../log/shared-body.ts';
import { systemClock } from '../../time/clock.ts';
import { HubClosedError, SerializationTimeoutError, SerializerQueueFullError } from '../../errors.ts';
import { checkNumber } from '../../option-checks.ts';
import { PoolHealth } from './pool-health.ts';
import { PoolJob } from './pool-job.ts';
import type { EncodedRecipe } from './pool-job.ts';
import { errorOfCrash, errorOfReply, shortUrl } from './recipe-failure.ts';
import type { DeadlineClock, RecipePoolOptions, RecipePoolStats, RunOptions } from './recipe-pool-options.ts';
import { argsOf, type Recipe } from './recipe.ts';
import type { RecipeTask, WorkerReply, WorkerTask } from './worker-protocol.ts';

/** The worker's file, compiled or, when run from source, as it is. */
const WORKER_FILE = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './recipe-worker.ts' : './recipe-worker.js', import.meta.url),
);

/**
 * Builds and serializes recipes in worker threads, each thread one at a time. No thread exists before the first recipe.
 *
 * Piscina starts, feeds, idles and ends the threads. The queue is ours: piscina (5.3.2) leaves queued tasks waiting when
 * the worker before them is lost and `minThreads` is 0, so it is never given more tasks than it may have threads.
 */
export class RecipePool {
  readonly #piscina: Piscina<WorkerTask, WorkerReply>;
  readonly #workers: number;
  readonly #maxQueue: number;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  readonly #clock: DeadlineClock;
  readonly #health: PoolHealth;
  /** In order of arrival; a set, so that one that is given up leaves in O(1). */
  readonly #queue = new Set<PoolJob>();
  readonly #running = new Set<PoolJob>();
  /** Every thread that has not exited yet. Piscina's own list leaves out those that it has told to stop. */
  readonly #threads = new Set<Worker>();
  readonly #drained: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  #completed = 0;
  #failed = 0;
  #timedOut = 0;

  constructor(options: RecipePoolOptions) {
    this.#workers = options.workers ?? Math.min(4, availableParallelism());
    this.#maxQueue = options.maxQueue;
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    this.#maxBytes = options.maxBytes;
    this.#clock = options.clock ?? systemClock;
    this.#health = new PoolHealth(options.onHealth ?? (() => {}));
    const heapMb = checkedHeap(options.maxOldGenerationSizeMb);
    this.#piscina = new Piscina<WorkerTask, WorkerReply>({
      filename: WORKER_FILE,
      minThreads: 0,
      maxThreads: this.#workers,
      idleTimeout: options.idleTimeoutMs ?? 30_000,
      concurrentTasksPerWorker: 1,
      // With atomics, a worker sleeps in `Atomics.wait` between tasks and its event loop stands still: a recipe's database
      // pool could not answer a keepalive, and its late errors would hit the next recipe.
      atomics: 'disabled',
      recordTiming: false,
      ...(heapMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
    });
    // A worker that dies between two jobs. (One that dies over a job rejects that job instead.)
    this.#piscina.on('error', () => {
      if (this.#running.size === 0) this.#health.workerLost();
    });
  }

  get stats(): RecipePoolStats {
    return {
      queued: this.#queue.size,
      running: this.#running.size,
      threads: this.#threads.size,
      completed: this.#completed,
      failed: this.#failed,
      timedOut: this.#timedOut,
    };
  }

  /**
   * Resolves to the encoded message, of which the caller owns the one reference.
   * @throws {WorkerFailedError} the module or the function failed, or the worker died
   * @throws {UnserializableMessageError} the arguments cannot be cloned, or the result is no JSON
   * @throws {MessageTooLargeError} @throws {SerializationTimeoutError} @throws {SerializerQueueFullError}
   * @throws {HubClosedError} the pool was closed, before or meanwhile
   */
  async run(recipe: Recipe, options: RunOptions = {}): Promise<EncodedRecipe> {
    if (this.#closing) throw closedError(recipe.url);
    options.signal?.throwIfAborted();
    if (this.#running.size >= this.#capacity && this.#queue.size >= this.#maxQueue) {
      throw new SerializerQueueFullError({ queued: this.#queue.size + this.#running.size, limit: this.#maxQueue });
    }
    const task: RecipeTask = {
      kind: 'recipe',
      url: recipe.url,
      exportName: recipe.exportName,
      args: argsOf(recipe),
      maxBytes: options.maxBytes ?? this.#maxBytes,
    };
    const job = new PoolJob(task, {
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
      signal: options.signal,
      clock: this.#clock,
      onDeadline: () => this.#overrun(job),
      onCancel: () => this.#cancel(job, options.signal?.reason),
    });
    this.#queue.add(job);
    this.#pump();
    return job.outcome;
  }

  /** Resolves when no recipe waits or runs. Refuses none: who drains has stopped sending. */
  drain(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => void this.#drained.push(resolve));
  }

  /** Gives up what is still under way, ends all threads, and resolves when they are gone. For a graceful end, drain first. */
  close(): Promise<void> {
    return (this.#closing ??= this.#stop());
  }

  /**
   * How many jobs piscina may have. A thread that is being stopped still counts as one: a recipe stuck in native code
   * must not let the number of threads grow.
   */
  get #capacity(): number {
    const stopping = this.#threads.size - this.#piscina.threads.length;
    return this.#workers - stopping;
  }

  get #isIdle(): boolean {
    return this.#queue.size === 0 && this.#running.size === 0;
  }

  #pump(): void {
    for (const job of this.#queue) {
      if (this.#running.size >= this.#capacity) break;
      this.#queue.delete(job);
      void this.#work(job);
    }
    if (!this.#isIdle) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** The job's whole time with piscina. Never rejects. */
  async #work(job: PoolJob): Promise<void> {
    this.#running.add(job);
    try {
      const reply = this.#piscina.run(job.task, { signal: job.stopSignal });
      this.#watchThreads();
      this.#finish(job, await reply);
    } catch (error) {
      this.#crashed(job, error);
    }
    this.#running.delete(job);
    this.#pump();
  }

  #finish(job: PoolJob, reply: WorkerReply): void {
    if (job.isSettled) return;
    if (reply.kind !== 'encoded') {
      this.#fail(job, errorOfReply(job.task, reply));
      return;
    }
    const { json, startedAt, endedAt, buildMs, stringifyMs } = reply;
    this.#completed++;
    job.resolve({
      body: new SharedBody([new Uint8Array(json)]),
      bytes: json.byteLength,
      startedAt,
      endedAt,
      buildMs,
      stringifyMs,
      queueWaitMs: Math.max(0, startedAt - job.submittedAt),
    });
    this.#health.jobDone();
  }

  #crashed(job: PoolJob, cause: unknown): void {
    // Whoever settled it before (the deadline, the caller, `close`) ended the worker, too: no crash.
    if (job.isSettled) return;
    this.#fail(job, errorOfCrash(job.task, cause));
    this.#health.workerLost();
  }

  #fail(job: PoolJob, error: unknown): void {
    this.#failed++;
    job.reject(error);
  }

  #overrun(job: PoolJob): void {
    this.#timedOut++;
    job.reject(new SerializationTimeoutError({ timeoutMs: job.timeoutMs, strategy: 'pooled' }));
    const hadWorker = this.#running.has(job);
    this.#giveUp(job);
    if (hadWorker) this.#health.workerLost();
  }

  #cancel(job: PoolJob, reason: unknown): void {
    this.#fail(job, reason);
    this.#giveUp(job);
  }

  /** Takes a settled job out of the queue, or ends the worker that is on it; then `#work` comes to its end and goes on. */
  #giveUp(job: PoolJob): void {
    if (this.#queue.delete(job)) this.#pump();
    else job.stop();
  }

  /** To be called whenever piscina may have started a thread. */
  #watchThreads(): void {
    for (const thread of this.#piscina.threads) {
      if (this.#threads.has(thread)) continue;
      this.#threads.add(thread);
      thread.once('exit', () => {
        this.#threads.delete(thread);
        // Not at once: the crash's own rejection comes first.
        setImmediate(() => this.#afterExit());
      });
    }
  }

  #afterExit(): void {
    if (this.#closing) return;
    // A thread that dies while it starts rejects nothing: piscina keeps the task for a thread that nobody will start.
    if (this.#piscina.threads.length === 0) {
      for (const job of this.#running) {
        this.#crashed(job, new Error('it could not start'));
        job.stop();
      }
    }
    this.#pump();
  }

  async #stop(): Promise<void> {
    const jobs = [...this.#queue, ...this.#running].filter((job) => !job.isSettled);
    this.#queue.clear();
    for (const job of jobs) this.#fail(job, closedError(job.task.url));
    const exits = [...this.#threads].map((thread) => new Promise((resolve) => thread.once('exit', resolve)));
    await this.#piscina.destroy();
    await Promise.all(exits);
    this.#pump();
  }
}

/** A worker that cannot even start within its heap takes the process with it (measured: at 2 MiB; at 4 it just fails). */
function checkedHeap(mebibytes: number | undefined): number | undefined {
  return mebibytes === undefined ? undefined : checkNumber('maxOldGenerationSizeMb', mebibytes, mebibytes, { min: 16 });
}

function closedError(url: string): HubClosedError {
  return new HubClosedError({ state: 'closed', action: `recipe ${shortUrl(url)}` });
}
