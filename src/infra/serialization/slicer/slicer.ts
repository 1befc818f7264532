/**
 * JSON serialization that never holds the event loop: the bytes of `JSON.stringify`, made in slices.
 *
 * Where to read on: `walker.ts` is the serializer, `estimator.ts` decides what native code may have, `encode-queue.ts` shares
 * the time, `output.ts` and `segments.ts` hold the bytes.
 *
 * What cannot be sliced, and holds the loop for as long as it takes: listing the keys of one very wide object (100,000
 * keys: 25 to 50 ms; see `streamObject`), one call of a user's `toJSON` or getter, and flattening a rope string. An
 * own getter may be read more than once (by the estimator, and by native code); proxies are not. To notice getters, each property
 * would have to be asked for its descriptor: 13 ns, which makes the estimate of a small message 2.5 times as long, and costs a third
 * more CPU for 10 MB of records (measured, Node 26).
 */
import { UnserializableMessageError } from '../../errors.ts';
import { EncodeJob, type EncodeJobOptions, type EncodeOutcome, type EncodeResult } from './encode-job.ts';
import { withDefaults, type SlicerLimits } from './limits.ts';
import { Output } from './output.ts';
import type { EncodeQueue } from './encode-queue.ts';
import type { SegmentPool } from './segments.ts';
import { Walker } from './walker.ts';

export { isProvablySmall } from './estimator.ts';
export type { EncodeResult } from './encode-job.ts';
export { EncodeQueue } from './encode-queue.ts';
export { SegmentPool } from './segments.ts';

export interface EncodeSyncOptions {
  readonly pool: SegmentPool;
  /** The encoding fails with a `MessageTooLargeError` as soon as there are more bytes than this. */
  readonly maxBytes: number;
  /** How finely to cut; tests and benchmarks only. */
  readonly limits?: Partial<SlicerLimits> | undefined;
  /**
   * A streamed part is an error, before its source is touched: for a value that will be serialized again.
   * @default false
   */
  readonly refuseSources?: boolean | undefined;
  /**
   * What JSON would lose in silence is an error that says where: a Map, a Set, a typed array, an ArrayBuffer, a Promise.
   * @default false
   */
  readonly refuseLossy?: boolean | undefined;
  /**
   * `isProvablySmall` has said no: the value is not measured again before it is opened.
   * @default false
   */
  readonly isKnownBig?: boolean | undefined;
}

export interface EncodeSlicedOptions extends EncodeSyncOptions {
  /** One of a hub, so that all its messages share one budget. */
  readonly queue: EncodeQueue;
  /**
   * Limit for the slice inside the call; it never takes more than what is left of the turn's budget.
   * @default the turn's budget
   */
  readonly firstSliceMs?: number | undefined;
  /** Aborting cancels; the error is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What `encodeSliced` returns: the result, where the first slice was enough, or a job in progress. */
export type SlicedJobHandle = FinishedJob | UnfinishedJob;

export interface FinishedJob extends EncodeResult {
  readonly done: true;
}

export interface UnfinishedJob {
  readonly done: false;
  /** Rejects with an `UnserializableMessageError`, a `MessageTooLargeError` or the reason of a cancellation. */
  readonly promise: Promise<EncodeResult>;
  /** Gives the memory back at once and rejects the promise with `reason`. Without effect on an ended job. */
  cancel(reason: unknown): void;
}

/**
 * Serializes in slices. The first one runs inside the call, so that values of up to 100 to 200 KB are done when it
 * returns; it throws what it finds wrong. The rest runs in the queue's part of later turns. The value must not be changed before
 * the end: a change cannot make the JSON invalid, but part of it may be in and part of it not.
 *
 * @throws UnserializableMessageError, MessageTooLargeError, or the reason of an aborted signal
 */
export function encodeSliced(value: unknown, options: EncodeSlicedOptions): SlicedJobHandle {
  const { queue, signal } = options;
  signal?.throwIfAborted();
  const abort = (): void => job.cancel(signal?.reason);
  const job = createJob(value, options, {
    now: queue.now,
    onReady: () => queue.resume(job),
    onSettled: () => {
      queue.cancel(job);
      signal?.removeEventListener('abort', abort);
    },
  });
  queue.start(job, options.firstSliceMs);
  if (job.outcome !== undefined) return { done: true, ...unwrap(job.outcome) };
  signal?.addEventListener('abort', abort, { once: true });
  return { done: false, promise: job.whenSettled(), cancel: (reason) => job.cancel(reason) };
}

/**
 * The same bytes in one go, holding the loop for as long as it takes.
 *
 * @throws what `encodeSliced` throws, and an UnserializableMessageError for a value with an async source
 */
export function encodeSync(value: unknown, options: EncodeSyncOptions): EncodeResult {
  const job = createJob(value, options, { now: () => performance.now(), onReady: () => {}, onSettled: () => {} });
  if (job.run(Infinity) === 'suspended') {
    job.cancel(new UnserializableMessageError({ reason: 'an async source cannot be written synchronously' }));
  }
  if (job.outcome === undefined) throw new Error('a job without a deadline has stopped without an outcome');
  return unwrap(job.outcome);
}

type JobHooks = Pick<EncodeJobOptions, 'now' | 'onReady' | 'onSettled'>;

function createJob(value: unknown, options: EncodeSyncOptions, hooks: JobHooks): EncodeJob {
  const limits = withDefaults(options.limits);
  const output = new Output({ pool: options.pool, maxBytes: options.maxBytes, flushUnits: limits.flushUnits });
  const walker = new Walker(output, {
    limits,
    now: hooks.now,
    refuseSources: options.refuseSources ?? false,
    refuseLossy: options.refuseLossy ?? false,
    isKnownBig: options.isKnownBig ?? false,
  });
  return new EncodeJob({ value, output, walker, ...hooks });
}

function unwrap(outcome: EncodeOutcome): EncodeResult {
  if (outcome.ok) return outcome.result;
  throw outcome.error;
}
