import type { ActorRefFrom } from 'xstate';
import { ownBytes, SharedBody } from '../../infra/log/shared-body.ts';
import type { Body } from '../../api/body.ts';
import {
  asError,
  HubClosedError,
  MessageTooLargeError,
  SerializationTimeoutError,
  UnserializableMessageError,
  WorkerFailedError,
} from '../../infra/errors.ts';
import { inTime } from '../../infra/time/in-time.ts';
import { Preencoded } from '../../infra/serialization/preencoded.ts';
import {
  encodeSliced,
  encodeSync,
  isProvablySmall,
  SegmentPool,
  EncodeQueue,
  type EncodeSyncOptions,
  type UnfinishedJob,
} from '../../infra/serialization/slicer/slicer.ts';
import type { MessageTrace } from '../../api/entry.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { Metrics } from '../../infra/telemetry/metrics.ts';
import type { Telemetry } from '../../infra/telemetry/spans.ts';
import { buildHere } from '../../infra/serialization/workers/build-here.ts';
import type { Workers } from '../../infra/serialization/workers/worker-port.ts';
import { isRecipe, type Recipe } from '../../infra/serialization/workers/recipe.ts';
import type { serializerMachine } from '../../machines/index.ts';
import { copyBytes, isByteMessage } from './byte-copy.ts';
import { MutationCheck } from './mutation-check.ts';
import { createSerializer } from './provided-machine.ts';
import { encodingAttributes, noJson, resultOf, type Encoded } from './encoded-message.ts';
import type { SerializerState } from '../../api/hub.ts';
import type { Strategy } from '../../api/receipt.ts';
import type { HubContext } from '../support/context.ts';
import type { HubSettings } from '../support/settings.ts';
import { Admission } from './admission.ts';
import { sendIfActive } from '../support/send-if-active.ts';

/** What the serializer needs from the hub. */
export type SerializerHost = Pick<HubContext, 'actorOptions' | 'launch' | 'report' | 'scheduler'> & {
  readonly settings: Pick<HubSettings, 'serializer' | 'openWorkers' | 'maxMessageBytes' | 'clock' | 'isDevelopment'>;
  readonly telemetry: Telemetry;
  readonly metrics: Metrics;
};

/** Picks the strategy for each message and limits the number of serializations in progress. A job is not an actor. */
export class SerializerActor {
  readonly #host: SerializerHost;
  readonly #actor: ActorRefFrom<typeof serializerMachine>;
  readonly #workers: Workers;
  readonly #queue: EncodeQueue;
  readonly #segments = new SegmentPool();
  /** Takes nothing back. */
  readonly #loose = new SegmentPool({ maxFree: 0 });
  readonly #admission: Admission;
  readonly #cancels = new Set<(reason: unknown) => void>();
  #released: Promise<void> = Promise.resolve();

  constructor(host: SerializerHost) {
    this.#host = host;
    const { serializer, maxMessageBytes, clock } = host.settings;
    const nextTurn: typeof clock.nextTurn = (callback) => clock.nextTurn(callback);
    this.#admission = new Admission(serializer.maxQueue, nextTurn, (isFull) =>
      sendIfActive(this.#actor, { type: isFull ? 'filled' : 'eased' }),
    );
    this.#queue = new EncodeQueue(host.scheduler);
    this.#workers = host.settings.openWorkers({
      workers: serializer.workers,
      maxQueue: serializer.maxQueue,
      timeoutMs: serializer.timeoutMs,
      maxBytes: maxMessageBytes,
      refuseLossy: host.settings.isDevelopment,
      maxOldGenerationSizeMb: serializer.workerHeapMb,
      clock,
      onHealth: (isWell) => this.#tellHealth(isWell),
    });
    this.#actor = createSerializer({ ...host.actorOptions, id: 'serializer' }, () => this.#release());
  }

  start(): void {
    this.#host.launch(this.#actor);
  }

  get state(): SerializerState {
    return this.#actor.getSnapshot().value;
  }

  /** Number of serializations in progress. */
  get inFlight(): number {
    return this.#admission.taken;
  }

  /** State of the worker threads. */
  get workers(): Workers['stats'] {
    return this.#workers.stats;
  }

  /** Segments of 256 KiB that messages hold, in the log or on their way to a socket. */
  get segmentsInUse(): number {
    return this.#segments.inUse;
  }

  /**
   * Serializes at once if possible; otherwise returns a promise. Throws and rejects with coded errors only.
   * @param isSnapshot serializes the value as it is now, however long that blocks
   * @param parent the publish span, if it is recorded
   */
  encode(message: unknown, isSnapshot: boolean, parent: MessageTrace | undefined): MaybePromise<Encoded> {
    return this.#observed(parent, () => this.#begin(message, isSnapshot));
  }

  /** The JSON of a chunk, in memory that needs no release: a stream may be read long after its end. Waits while the queue is full. @throws as `encode` */
  encodeChunk(chunk: unknown, maxBytes: number): MaybePromise<Body> {
    if (this.#admission.isFull) return this.#admission.whenFree().then(() => this.encodeChunk(chunk, maxBytes));
    const options = { pool: this.#loose, maxBytes, refuseSources: true };
    const encoded = this.#observed(undefined, () => this.#sliced(chunk, options));
    return encoded instanceof Promise ? encoded.then(({ body }) => body) : encoded.body;
  }

  #observed(parent: MessageTrace | undefined, begin: () => MaybePromise<Encoded>): MaybePromise<Encoded> {
    if (!this.#isOpen)
      throw new HubClosedError({ state: this.state === 'draining' ? 'draining' : 'stopped', action: 'send' });
    const { telemetry, metrics, settings } = this.#host;
    const span = telemetry.serialize(parent);
    const beginAt = settings.clock.now();
    const done = (encoded: Encoded): void => {
      metrics.serialized(encoded.strategy, settings.clock.now() - beginAt, encoded.queueWaitMs);
      span.end(encodingAttributes(encoded), encoded.worker);
    };
    try {
      const encoded = begin();
      if (encoded instanceof Promise) {
        this.#admission.keep(encoded);
        encoded.then(done).catch((error: unknown) => span.fail(error));
      } else done(encoded);
      return encoded;
    } catch (error) {
      span.fail(error);
      throw error;
    }
  }

  /** The sweep: frees memory that a burst has left. */
  sweep(): void {
    this.#segments.sweep();
  }

  /** Resolves when the queue has a place, or when the serializer accepts nothing any more. */
  async whenFree(): Promise<void> {
    if (this.#isOpen) await this.#admission.whenFree();
  }

  /** Accepts nothing more; resolves when all accepted messages are done and the workers have ended. */
  async drain(): Promise<void> {
    sendIfActive(this.#actor, { type: 'drain' });
    await this.#admission.all();
    sendIfActive(this.#actor, { type: 'drained' });
    await this.#released;
  }

  /** Cancels everything in progress. */
  async stop(): Promise<void> {
    sendIfActive(this.#actor, { type: 'stop' });
    await this.#released;
  }

  get #isOpen(): boolean {
    const { state } = this;
    return state !== 'draining' && state !== 'stopped';
  }

  /** The state `degraded` ignores queue events, so a full queue is reported again after it. */
  #tellHealth(isWell: boolean): void {
    sendIfActive(this.#actor, { type: isWell ? 'poolRecovered' : 'poolFailed' });
    if (isWell && this.#admission.isFull) sendIfActive(this.#actor, { type: 'filled' });
  }

  #begin(message: unknown, isSnapshot: boolean): Encoded | Promise<Encoded> {
    if (Preencoded.isPreencoded(message)) return this.#ready(message);
    if (!isRecipe(message)) {
      if (isByteMessage(message)) return this.#bytes(message, isSnapshot);
      if (isProvablySmall(message, undefined, this.#host.settings.isDevelopment)) return this.#inline(message);
      if (isSnapshot) return this.#snapshot(message);
    }
    this.#admission.assertFree();
    return isRecipe(message) ? this.#pooled(message) : this.#sliced(message);
  }

  #inline(message: unknown): Encoded {
    let text: string | undefined;
    try {
      text = JSON.stringify(message);
    } catch (cause) {
      throw new UnserializableMessageError({ reason: asError(cause).message, cause });
    }
    if (text === undefined) throw noJson(message);
    return this.#whole(new SharedBody([ownBytes(text)]), 'inline');
  }

  #ready({ body }: Preencoded): Encoded {
    // the log and the sockets release what they have retained; the maker's own reference stays
    body.retain();
    return this.#whole(body, 'ready');
  }

  #bytes(message: Uint8Array, isSnapshot: boolean): Encoded | Promise<Encoded> {
    const limit = this.#host.settings.maxMessageBytes;
    if (message.length > limit) throw new MessageTooLargeError({ bytes: message.length, limit });
    const copied = copyBytes(message, isSnapshot, this.#queue);
    if (!('promise' in copied))
      return { body: copied, strategy: 'ready', slices: 1, longestSliceMs: 0, queueWaitMs: 0 };
    return this.#finish(message, copied, undefined);
  }

  #snapshot(message: unknown): Encoded {
    const { maxMessageBytes, isDevelopment, clock } = this.#host.settings;
    const beginAt = clock.now();
    const options = { pool: this.#segments, maxBytes: maxMessageBytes, refuseLossy: isDevelopment };
    const encoded = resultOf(message, 'snapshot', encodeSync(message, options));
    this.#host.scheduler.spend(clock.now() - beginAt);
    return encoded;
  }

  #sliced(message: unknown, others: Partial<EncodeSyncOptions> = {}): MaybePromise<Encoded> {
    const { maxMessageBytes, isDevelopment } = this.#host.settings;
    const pool = this.#segments;
    const usual = { pool, maxBytes: maxMessageBytes, isKnownBig: true, refuseLossy: isDevelopment };
    const job = encodeSliced(message, { queue: this.#queue, ...usual, ...others });
    if (job.done) return resultOf(message, 'sliced', job);
    return this.#finish(message, job, isDevelopment ? new MutationCheck(message, pool) : undefined);
  }

  async #finish(message: unknown, job: UnfinishedJob, watch: MutationCheck | undefined): Promise<Encoded> {
    try {
      const encoded = resultOf(message, 'sliced', await this.#withTimeout(job.promise, (reason) => job.cancel(reason)));
      const changed = watch?.compare(encoded.body);
      if (changed !== undefined) this.#host.report(changed);
      return encoded;
    } finally {
      watch?.dispose();
    }
  }

  /** The result of the job. At the deadline, or when the serializer stops, the job is cancelled with the reason. */
  async #withTimeout<Result>(job: Promise<Result>, cancel: (reason: unknown) => void): Promise<Result> {
    const { clock, serializer } = this.#host.settings;
    const { timeoutMs } = serializer;
    const overrun = (): void => cancel(new SerializationTimeoutError({ timeoutMs, strategy: 'sliced' }));
    this.#cancels.add(cancel);
    try {
      return await inTime(clock, timeoutMs, job, overrun);
    } finally {
      this.#cancels.delete(cancel);
    }
  }

  async #pooled(recipe: Recipe): Promise<Encoded> {
    // while workers keep failing, one recipe at a time tests whether they work again
    const { running, queued } = this.#workers.stats;
    if (this.state === 'degraded' && running + queued > 0) return this.#withoutWorker(recipe);
    try {
      const { body, queueWaitMs, startedAt, endedAt, buildMs, stringifyMs } = await this.#workers.run(recipe);
      const worker = { waitMs: queueWaitMs, tookMs: endedAt - startedAt, buildMs, stringifyMs };
      return { body, strategy: 'pooled', slices: 0, longestSliceMs: 0, queueWaitMs, worker };
    } catch (error) {
      // if workers cannot start at all, the recipe did not cause the failure
      if (error instanceof WorkerFailedError && recipe.runsHere && !this.#workers.canStart)
        return this.#withoutWorker(recipe);
      throw error;
    }
  }

  /** Never used for the recipe on trial: it may be the one that ends the workers. */
  async #withoutWorker(recipe: Recipe): Promise<Encoded> {
    const { url } = recipe;
    if (!recipe.runsHere)
      throw new WorkerFailedError({ url, reason: 'workers keep failing, another recipe is on trial' });
    const stopped = Promise.withResolvers<never>();
    const value = await this.#withTimeout(Promise.race([buildHere(recipe), stopped.promise]), stopped.reject);
    return this.#sliced(value);
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
