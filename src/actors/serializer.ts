import { createActor, type ActorRefFrom } from 'xstate';
import { Body } from '../infra/body.ts';
import {
  asError,
  HubClosedError,
  MessageTooLargeError,
  SerializationTimeoutError,
  SerializerQueueFullError,
  UnserializableMessageError,
  WorkerFailedError,
} from '../infra/errors.ts';
import { Preencoded } from '../infra/preencoded.ts';
import {
  encodeSliced,
  encodeSync,
  isProvablySmall,
  SegmentPool,
  SliceScheduler,
  type EncodeResult,
  type UnfinishedJob,
} from '../infra/slicer/slicer.ts';
import type { WindowBits } from '../infra/deflate.ts';
import type { MessageTrace } from '../infra/message-trace.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { SpanAttributes, Telemetry, WorkerFacts } from '../infra/telemetry.ts';
import { RecipePool } from '../infra/workers/recipe-pool.ts';
import type { RecipePoolStats } from '../infra/workers/recipe-pool-options.ts';
import { isRecipe, type Recipe } from '../infra/workers/recipe.ts';
import { serializerMachine } from '../machines/index.ts';
import type { Engine } from './engine.ts';
import type { HubSettings } from './options.ts';
import { tell } from './tell.ts';
import { WindowedMaximum } from './windowed-maximum.ts';

/**
 * How a message became bytes. `inline`: one native call, for what is provably small. `sliced`: piece by piece under the
 * budget of each turn of the event loop. `snapshot`: in one go at the call, as asked. `pooled`: a recipe, in a worker
 * thread. `ready`: they were bytes already.
 */
export type Strategy = 'inline' | 'sliced' | 'snapshot' | 'pooled' | 'ready';

/** A serialized message; whoever has it owns one reference to the body. */
export interface Encoded {
  readonly body: Body;
  /** The body compressed, for each window size that was asked for and that it is worth for. */
  readonly deflated?: ReadonlyMap<WindowBits, Body>;
  readonly strategy: Strategy;
  /** Pieces of work on this thread. */
  readonly slices: number;
  readonly longestSliceMs: number;
  /** Wait for a worker, or for slices while others had theirs. */
  readonly queueWaitMs: number;
  /** Of a recipe. */
  readonly worker?: WorkerFacts;
}

/** What the serializer needs of the hub. */
export type SerializerHost = Pick<Engine, 'actorOptions' | 'launch'> & {
  readonly settings: Pick<HubSettings, 'serializer' | 'maxMessageBytes' | 'sliceMs' | 'clock'>;
  readonly telemetry: Telemetry;
  readonly metrics: Metrics;
};

/** Picks the strategy for each message and keeps the number of serializations under way bounded. A job is no actor. */
export class SerializerActor {
  readonly #host: SerializerHost;
  readonly #actor: ActorRefFrom<typeof serializerMachine>;
  readonly #workers: RecipePool;
  readonly #scheduler: SliceScheduler;
  readonly #segments = new SegmentPool();
  readonly #underWay = new Set<Promise<Encoded>>();
  readonly #cancels = new Set<(reason: unknown) => void>();
  readonly #longestSlice: WindowedMaximum;
  #released: Promise<void> = Promise.resolve();

  constructor(host: SerializerHost) {
    this.#host = host;
    const { serializer, maxMessageBytes, sliceMs, clock } = host.settings;
    this.#longestSlice = new WindowedMaximum(() => clock.now());
    this.#scheduler = new SliceScheduler({
      budgetMs: sliceMs,
      now: () => clock.now(),
      defer: (callback) => clock.nextTurn(callback),
    });
    this.#workers = new RecipePool({
      workers: serializer.workers,
      maxQueue: serializer.maxQueue,
      timeoutMs: serializer.timeoutMs,
      maxBytes: maxMessageBytes,
      maxOldGenerationSizeMb: serializer.workerHeapMb,
      clock,
      onHealth: (isWell) => tell(this.#actor, { type: isWell ? 'poolRecovered' : 'poolFailed' }),
    });
    const machine = serializerMachine.provide({ actions: { release: () => this.#release() } });
    this.#actor = createActor(machine, { ...host.actorOptions, id: 'serializer' });
  }

  start(): void {
    this.#host.launch(this.#actor);
  }

  get state(): string {
    return this.#actor.getSnapshot().value;
  }

  /** Serializations that are not done yet. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** The longest that one piece of a serialization has held the event loop lately. */
  get longestSliceMs(): number {
    return this.#longestSlice.value;
  }

  /** Of the worker threads. */
  get workers(): Pick<RecipePoolStats, 'queued' | 'running' | 'threads'> {
    return this.#workers.stats;
  }

  /** Segments of 256 KiB that messages hold, in the log or on their way to a socket. */
  get segmentsInUse(): number {
    return this.#segments.inUse;
  }

  /**
   * At once where that is possible, else a promise. Throws and rejects with coded errors only.
   * @param isSnapshot take the value as it is now, however long that blocks
   * @param parent the publish span, where it is recorded
   */
  encode(message: unknown, isSnapshot: boolean, parent: MessageTrace | undefined): Encoded | Promise<Encoded> {
    const { state } = this;
    if (state === 'draining' || state === 'stopped') throw new HubClosedError({ state, action: 'send' });
    const { telemetry, metrics, settings } = this.#host;
    const span = telemetry.serialize(parent);
    const beginAt = settings.clock.now();
    const done = (encoded: Encoded): void => {
      metrics.serialized(encoded.strategy, settings.clock.now() - beginAt, encoded.queueWaitMs);
      this.#longestSlice.note(encoded.longestSliceMs);
      span.end(attributesOf(encoded), encoded.worker);
    };
    try {
      const encoded = this.#begin(message, isSnapshot);
      if (encoded instanceof Promise) {
        this.#track(encoded);
        encoded.then(done, (error: unknown) => span.fail(error));
      } else done(encoded);
      return encoded;
    } catch (error) {
      span.fail(error);
      throw error;
    }
  }

  /** The sweep: memory that a burst has left. */
  sweep(): void {
    this.#segments.sweep();
  }

  /** Resolves when the queue has a place, or nothing is taken any more. */
  async whenPlace(): Promise<void> {
    while (this.state === 'saturated') await Promise.race(this.#underWay).catch(() => {});
  }

  /** Takes no more; resolves when what was accepted is done and the workers have ended. */
  async drain(): Promise<void> {
    tell(this.#actor, { type: 'drain' });
    await Promise.allSettled(this.#underWay);
    tell(this.#actor, { type: 'drained' });
    await this.#released;
  }

  /** Gives up what is under way. */
  async stop(): Promise<void> {
    tell(this.#actor, { type: 'stop' });
    await this.#released;
  }

  #begin(message: unknown, isSnapshot: boolean): Encoded | Promise<Encoded> {
    if (message instanceof Preencoded) return this.#ready(message);
    if (isRecipe(message)) return this.#pooled(message);
    if (isProvablySmall(message)) return this.#inline(message);
    return isSnapshot ? this.#snapshot(message) : this.#sliced(message);
  }

  #inline(message: unknown): Encoded {
    let text: string | undefined;
    try {
      text = JSON.stringify(message);
    } catch (cause) {
      throw new UnserializableMessageError({ reason: asError(cause).message, cause });
    }
    if (text === undefined) throw noJson(message);
    return this.#whole(new Body([Buffer.from(text)]), 'inline');
  }

  #ready({ body }: Preencoded): Encoded {
    // the log and the sockets release what they have retained; the maker's own reference stays
    body.retain();
    return this.#whole(body, 'ready');
  }

  #snapshot(message: unknown): Encoded {
    const maxBytes = this.#host.settings.maxMessageBytes;
    return resultOf(message, 'snapshot', encodeSync(message, { pool: this.#segments, maxBytes }));
  }

  #sliced(message: unknown): Encoded | Promise<Encoded> {
    const { settings } = this.#host;
    this.#assertPlace();
    const job = encodeSliced(message, {
      scheduler: this.#scheduler,
      pool: this.#segments,
      maxBytes: settings.maxMessageBytes,
    });
    return job.done ? resultOf(message, 'sliced', job) : this.#finish(message, job);
  }

  async #finish(message: unknown, job: UnfinishedJob): Promise<Encoded> {
    const { clock, serializer } = this.#host.settings;
    const { timeoutMs } = serializer;
    const cancel = (reason: unknown): void => job.cancel(reason);
    const overrun = (): void => cancel(new SerializationTimeoutError({ timeoutMs, strategy: 'sliced' }));
    const timer = clock.setTimeout(overrun, timeoutMs);
    this.#cancels.add(cancel);
    try {
      return resultOf(message, 'sliced', await job.promise);
    } finally {
      clock.clearTimeout(timer);
      this.#cancels.delete(cancel);
    }
  }

  async #pooled(recipe: Recipe): Promise<Encoded> {
    this.#assertPlace();
    if (this.state === 'degraded' && this.#workers.stats.running > 0) {
      // one at a time finds out whether workers live again; the others must not wait for a pool that keeps failing
      throw new WorkerFailedError({ url: recipe.url, reason: 'workers keep failing, another recipe is on trial' });
    }
    const { body, queueWaitMs, startedAt, endedAt, buildMs, stringifyMs } = await this.#workers.run(recipe);
    const worker = { waitMs: queueWaitMs, tookMs: endedAt - startedAt, buildMs, stringifyMs };
    return { body, strategy: 'pooled', slices: 0, longestSliceMs: 0, queueWaitMs, worker };
  }

  #assertPlace(): void {
    const limit = this.#host.settings.serializer.maxQueue;
    const queued = this.#underWay.size;
    if (queued >= limit) throw new SerializerQueueFullError({ queued, limit });
  }

  #track(job: Promise<Encoded>): void {
    const limit = this.#host.settings.serializer.maxQueue;
    this.#underWay.add(job);
    if (this.#underWay.size === limit) tell(this.#actor, { type: 'filled' });
    const end = (): void => {
      this.#underWay.delete(job);
      if (this.#underWay.size === limit - 1) tell(this.#actor, { type: 'eased' });
    };
    job.then(end, end);
  }

  #whole(body: Body, strategy: Strategy): Encoded {
    const limit = this.#host.settings.maxMessageBytes;
    const { bytes } = body;
    if (bytes <= limit) return { body, strategy, slices: 1, longestSliceMs: 0, queueWaitMs: 0 };
    body.release();
    throw new MessageTooLargeError({ bytes, limit });
  }

  #release(): void {
    const reason = new HubClosedError({ state: 'stopped', action: 'send' });
    for (const cancel of this.#cancels) cancel(reason);
    this.#released = this.#workers.close();
  }
}

function resultOf(message: unknown, strategy: Strategy, { body, stats }: EncodeResult): Encoded {
  if (body === undefined) throw noJson(message);
  const { slices, longestSliceMs, queueWaitMs } = stats;
  return { body, strategy, slices, longestSliceMs, queueWaitMs };
}

function noJson(message: unknown): UnserializableMessageError {
  return new UnserializableMessageError({ reason: `${typeof message} is no JSON value` });
}

function attributesOf({ strategy, body, slices, longestSliceMs, queueWaitMs }: Encoded): SpanAttributes {
  return {
    'threadcast.strategy': strategy,
    'threadcast.bytes': body.bytes,
    'threadcast.slices': slices,
    'threadcast.longest_slice_ms': longestSliceMs,
    'threadcast.queue_wait_ms': queueWaitMs,
  };
}
