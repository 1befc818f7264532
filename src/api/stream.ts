import type { Codec } from './definition.ts';
import type { MaybePromise } from './message.ts';
import type { Receipt } from './receipt.ts';

/** The member of the thread that asks to cancel a stream, possibly on another node. */
export interface Canceller {
  readonly connectionId: string;
  readonly userId: string | undefined;
}

/** A stream that has not ended. */
export interface StreamInProgress {
  readonly id: string;
  /** UTF-16 units of its text so far, or chunks, as far as this process has them. */
  readonly length: number;
  /** The name of its codec; undefined for text. */
  readonly codec: string | undefined;
}

export interface StreamOptions {
  /**
   * Id of the stream and of the message that it becomes, `^[\w.:-]{1,128}$`. To begin a stream again, after a crash for example, use a new
   * id.
   * @default random
   */
  id?: string | undefined;
  /** The stream is aborted after this time without a `write`, `append` or `keepAlive`. @default the hub's `streams.timeoutMs` */
  timeoutMs?: number | undefined;
  /** Whether this member of the thread may cancel the stream; a refused client gets `forbidden`. @default every member may */
  mayCancel?: ((by: Canceller) => boolean | Promise<boolean>) | undefined;
  /**
   * The `traceparent` (W3C Trace Context) of the span that makes the stream. Other nodes get it with the stream, so that spans of those who
   * follow it there belong to the same trace. @default none
   */
  traceparent?: string | undefined;
}

/** For a stream of chunks. */
export interface ChunkStreamOptions<Chunk, Final = unknown> extends StreamOptions {
  /**
   * How the chunks fold, and what they end as. Other processes follow the stream if their hub knows the codec: by `streams.codecs`, a
   * definition, or a stream of their own with it.
   */
  codec: Codec<Chunk, Final>;
}

/**
 * Chunks that clients receive as they are written. Neighbours that fold are one for those who join late. The end is one message in the
 * thread's log, with the stream's id: what the codec's `end` makes of the chunks; an object has `aborted: reason` as well if the publisher did not end it.
 * Clients that did not name the codec when they joined get that message only.
 */
export interface ChunkStream<Chunk = unknown> {
  readonly id: string;
  /** Chunks written so far, with those that wait behind a big one. */
  readonly length: number;
  /** Chunks that the server keeps of them, folded. */
  readonly folds: number;
  /** As in `TokenStream`. */
  readonly signal: AbortSignal;
  /**
   * Writes a chunk. A big one is serialized once, in slices: from about 100 KB on it comes with a promise, which resolves when the chunk is in the
   * stream. Do not change it before. Chunks that are written meanwhile come after it. Of a chunk of more than 64 KiB of JSON, the limit
   * counts these bytes instead of what the codec says.
   *
   * A refused chunk is not in the stream: the call throws, or the promise rejects. The hub emits an `error` event if nothing waits for the promise.
   * @throws StreamEndedError, StreamTooLongError, UnserializableMessageError; what the codec throws; or the error that
   * prevented opening the thread
   */
  write(chunk: Chunk): MaybePromise<void>;
  /** The publisher is alive, although nothing is to be written. */
  keepAlive(): void;
  /** Logs the final message; see `TokenStream.end`. */
  end(): Promise<Receipt>;
  /** Logs what the chunks so far end as, with `aborted: reason`. @default reason 'aborted' */
  abort(reason?: string): Promise<Receipt>;
  /** Writes every chunk of the source, then ends the stream; see `TokenStream.pipe`. A chunk means nothing to it: only a thrown error is a failure. */
  pipe(source: AsyncIterable<Chunk>): Promise<Receipt>;
}

/** A part of a model's stream, as in `fullStream` of the AI SDK: `text-delta`, `error`, `abort` and others. */
export interface StreamPart {
  readonly type: string;
}

/**
 * The fields of the final message besides `text`. A message type without `text` cannot be the final message of a text stream.
 */
export type StreamFields<Message> = unknown extends Message
  ? [fields?: Readonly<Record<string, unknown>>]
  : Message extends { readonly text: string }
    ? Partial<Omit<Message, 'text'>> extends Omit<Message, 'text'>
      ? [fields?: Omit<Message, 'text'>]
      : [fields: Omit<Message, 'text'>]
    : [fields: never];

/**
 * A text that clients receive while it grows, as a model produces tokens. The first text is sent immediately, later text is batched in
 * windows of `streams.windowMs`. A connection that joins late or was behind receives the text so far. The end is one message in the
 * thread's log, with the stream's id: `{ ...fields, text }`, and `aborted: reason` if the publisher did not end it.
 *
 * Text appended before a `send` to the same thread reaches connections that keep up before that message.
 */
export interface TokenStream<Message = unknown> {
  readonly id: string;
  /** UTF-16 units appended so far. */
  readonly length: number;
  /** Aborted, with a StreamAbortedError as reason, when a client cancels, the stream is aborted, or its thread is closed. */
  readonly signal: AbortSignal;
  /** @throws StreamEndedError, StreamTooLongError: nothing was appended; or the error that prevented opening the thread */
  write(text: string): void;
  /** The same as `write`. */
  append(text: string): void;
  /** The publisher is alive, although nothing is to be written. */
  keepAlive(): void;
  /**
   * Logs the final message; its receipt is that of `Thread.send`. A second call has no effect. If it is rejected, it can be tried again.
   * @throws StreamExistsError if the log has another message with the stream's id, for example the mark of a process that presumed this one
   * dead. The answer is then not logged: send it under another id. StreamEndedError if its thread was erased: nothing is logged
   * @param fields of the message, besides `text`
   */
  end(...fields: StreamFields<Message>): Promise<Receipt>;
  /** Logs the text so far with `aborted: reason`. @default reason 'aborted' */
  abort(reason?: string): Promise<Receipt>;
  /**
   * Appends every text of the source, then ends the stream. A client's cancel stops the source and ends the stream with `aborted:
   * 'cancelled'`. An error of the source is thrown here as well, after the stream has ended with `aborted: 'failed'`.
   *
   * A source that hides its failures looks finished when it fails. `textStream` of the AI SDK is one: pipe `fullStream`, whose `error` part
   * counts as thrown, and whose `abort` part ends the stream with `aborted: 'aborted'`. Of its other parts only `text-delta` is text.
   */
  pipe(source: AsyncIterable<string | StreamPart>, ...fields: StreamFields<Message>): Promise<Receipt>;
}
