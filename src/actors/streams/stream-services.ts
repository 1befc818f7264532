import type { HubContext } from '../support/context.ts';
import type { Codec } from '../../api/definition.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { FlushTimer } from './flush-timer.ts';

/** What token streams need from the hub. */
export interface StreamServices extends HubContext {
  /** Shared by all streams of the hub. */
  readonly ticker: FlushTimer;
  /** The codecs that this process knows, by their names: to follow streams of other processes. */
  readonly codecs: Map<string, Codec>;
  /**
   * Serializes a chunk without holding the event loop. Its memory needs no release.
   * @throws UnserializableMessageError, MessageTooLargeError, or another coded error; the promise rejects with the same
   */
  readonly encodeChunk: (chunk: unknown, maxBytes: number) => MaybePromise<ChunkBytes>;
}

/** The JSON of a chunk. */
export interface ChunkBytes {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
}
