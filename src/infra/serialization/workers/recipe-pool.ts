import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { SharedBody } from '../../log/shared-body.ts';
import { systemClock } from '../../time/clock.ts';
import { HubClosedError, SerializationTimeoutError, SerializerQueueFullError } from '../../errors.ts';
import { checkCount } from '../../option-checks.ts';
import { PoolHealth } from './pool-health.ts';
import { PoolJob } from './pool-job.ts';
import type { EncodedRecipe } from './pool-job.ts';
import { errorOfCrash, errorOfReply, errorOfStart, shortUrl } from './recipe-failure.ts';
import type { DeadlineClock, RecipePoolOptions, RecipePoolStats, RunOptions } from './recipe-pool-options.ts';
import { argsOf, type Recipe } from './recipe.ts';
import type { Workers } from './worker-port.ts';
import { makePiscina, type PiscinaPool, type ThreadOptions } from './worker-threads.ts';
import type { RecipeTask, WorkerReply } from './worker-protocol.ts';

/**
 * Builds and serializes recipes in worker threads, each thread one at a time. Neither a thread nor piscina's pool exists before the
 * first recipe: a process that may not have workers, or a bundle that cannot find them, fails only where it uses one.
 *
 * Piscina starts, feeds, idles and ends the threads. The queue is ours: piscina (5.3.2) leaves queued tasks waiting when
 * the worker before them is lost and `minThreads` is 0, so it is never given more tasks than it may have threads.
 */
export class RecipePool implements Workers {
  #piscina: PiscinaPool | undefined;
  readonly #workers: number;
  readonly #threadOptions: ThreadOptions;
  readonly #maxQueue: number;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  readonly #refuseLossy: boolean;
  readonly #clock: DeadlineClock;
  readonly #health: PoolHealth;
  /** In order of arrival; a set, so that one that is given up leaves in O(1). */
  readonly #queue = new Set<PoolJob>();
  readonly #running = new Set<PoolJob>();
  /** Every thread that has not exited yet. Piscina's own list leaves out those that it has told to stop. */
  readonly #threads = new Set<Worker>();
  readonly #drained: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  #canStart = true;
  #completed = 0;
  #failed = 0;
  #timedOut = 0;

  constructor(options: RecipePoolOptions) {
    this.#workers = options.workers ?? Math.min(4, availableParallelism());
    this.#maxQueue = options.maxQueue;
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    this.#maxBytes = options.maxBytes;
    this.#refuseLossy = options.refuseLossy ?? false;
    this.#clock = options.clock ?? systemClock;
    this.#health = new PoolHealth(options.onHealth ?? (() => {}));
    this.#threadOptions = {
      maxThreads: this.#workers,
      idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
      heapMb: checkedHeap(options.maxOldGenerationSizeMb),
    };
  }

  /** False where the last attempt to start a thread was refused, as in a process that may not have any. */
  get canStart(): boolean {
    return this.#canStart;
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
      refuseLossy: this.#refuseLossy,
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

  /** Cancels the work in progress, ends all threads, and resolves when they are gone. For a graceful end, drain first. */
  close(): Promise<void> {
    return (this.#closing ??= this.#stop());
  }

  /**
   * How many jobs piscina may have. A thread that is being stopped still counts as one: a recipe stuck in native code
   * must not let the number of threads grow.
   */
  get #capacity(): number {
    const stopping = this.#threads.size - (this.#piscina?.threads.length ?? 0);
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
      this.#finish(job, await this.#begin(job));
    } catch (error) {
      this.#crashed(job, error);
    }
    this.#running.delete(job);
    this.#pump();
  }

  /** @throws what piscina throws where it cannot start a thread: the job has failed */
  #begin(job: PoolJob): Promise<WorkerReply> {
    try {
      const piscina = (this.#piscina ??= this.#newPiscina());
      const reply = piscina.run(job.task, { signal: job.stopSignal });
      this.#watchThreads(piscina);
      this.#canStart = true;
      return reply;
    } catch (error) {
      this.#canStart = false;
      this.#fail(job, errorOfStart(job.task, error));
      this.#health.workerLost();
      this.#abandon(job, error);
      throw error;
    }
  }

  #newPiscina(): PiscinaPool {
    return makePiscina(this.#threadOptions, () => {
      // a worker that dies between two jobs; one that dies over a job rejects that job instead
      if (this.#running.size === 0) this.#health.workerLost();
    });
  }

  /**
   * Piscina (5.3.2) keeps the task for which it could not start a thread, and rejects it when it is destroyed or aborted: a promise
   * that it has never handed out, so that the rejection would end the process. It is left alone instead, without any thread.
   */
  #abandon(orphan: PoolJob, cause: unknown): void {
    const threads = this.#piscina?.threads ?? [];
    this.#piscina = undefined;
    for (const job of this.#running) {
      if (job === orphan) continue;
      this.#crashed(job, cause);
      job.stop();
    }
    for (const thread of threads) void thread.terminate();
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
    // What settled it before (the deadline, the caller, `close`) also ended the worker: no crash.
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
  #watchThreads({ threads }: PiscinaPool): void {
    for (const thread of threads) {
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
    // A thread that dies while it starts rejects nothing: piscina keeps the task for a thread that it never starts.
    if (this.#piscina?.threads.length === 0) {
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
    await this.#piscina?.destroy();
    await Promise.all(exits);
    this.#pump();
  }
}

/** A worker that cannot even start within its heap takes the process with it (measured: at 2 MiB; at 4 it just fails). */
function checkedHeap(mebibytes: number | undefined): number | undefined {
  return mebibytes === undefined ? undefined : checkCount('maxOldGenerationSizeMb', mebibytes, mebibytes, { min: 16 });
}

function closedError(url: string): HubClosedError {
  return new HubClosedError({ state: 'stopped', action: `recipe ${shortUrl(url)}` });
}
