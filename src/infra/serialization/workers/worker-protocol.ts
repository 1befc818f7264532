/**
 * What the pool and its workers say to each other. Everything here is structured-cloned, so it is plain data: no class, no
 * function, no Error (see `carried-error.ts`).
 *
 * Both sides are tagged unions: another kind of work for the same threads (bytes to deflate, say) is one more member of
 * each and one more case in `recipe-worker.ts`.
 */
import type { CarriedError } from './carried-error.ts';

/** Build a message from a module and serialize it. */
export interface RecipeTask {
  readonly kind: 'recipe';
  readonly url: string;
  readonly exportName: string;
  readonly args: unknown;
  /** Larger JSON is not even encoded, let alone handed over. */
  readonly maxBytes: number;
  /** Development: it is an error if JSON would silently lose something. */
  readonly refuseLossy: boolean;
}

export type WorkerTask = RecipeTask;

/** When a worker began, and how long it took. */
export interface WorkTiming {
  /** Epoch milliseconds, comparable between the threads of one process; see {@link epochNow}. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Loading the module (the first time) and running its function. */
  readonly buildMs: number;
  /** `JSON.stringify` and the encoding to UTF-8. */
  readonly stringifyMs: number;
}

export interface EncodedReply extends WorkTiming {
  readonly kind: 'encoded';
  /** Exactly the message, UTF-8; transferred. */
  readonly json: ArrayBuffer;
}

/** A failure that leaves the worker healthy. A failure that kills it sends no reply. */
export type FailedReply =
  /** The module could not be loaded, has no such export, or its function threw. */
  | { readonly kind: 'recipeFailed'; readonly reason: string; readonly cause?: CarriedError }
  | {
      readonly kind: 'unserializable';
      readonly reason: string;
      readonly path?: string | undefined;
      readonly cause?: CarriedError;
    }
  /** At least this many bytes. */
  | { readonly kind: 'tooLarge'; readonly bytes: number };

export type WorkerReply = EncodedReply | FailedReply;

/**
 * Now, as epoch milliseconds with fractions. Monotonic, and the same on every thread: Node gives a worker the time origin
 * of its process.
 */
export function epochNow(): number {
  return performance.timeOrigin + performance.now();
}
