import type { Receipt } from './receipt.ts';

/** Who asks to cancel a stream: a member of the thread, perhaps on another node. */
export interface Canceller {
  readonly connectionId: string;
  readonly userId: string | undefined;
}

export interface StreamOptions {
  /**
   * Id of the stream and of the message that it becomes, `^[\w.:-]{1,128}$`. A stream that is begun anew, after a crash for example,
   * needs a new one. @default random
   */
  id?: string | undefined;
  /** Without an `append` for this long the stream is aborted; `append('')` keeps it alive. @default the hub's `streams.timeoutMs` */
  timeoutMs?: number | undefined;
  /** Whether this member of the thread may cancel the stream; a refused one is told `forbidden`. @default every member may */
  mayCancel?: ((by: Canceller) => boolean | Promise<boolean>) | undefined;
}

/** A part of a model's stream, as `fullStream` of the AI SDK has them: `text-delta`, `error`, `abort` and others. */
export interface StreamPart {
  readonly type: string;
}

/**
 * A text that is told while it grows, as the tokens of a model come. The first text goes out at once, later ones are rolled up in
 * windows of `streams.windowMs`; a connection that comes late or was behind gets the text so far. The end is one message in the
 * thread's log, with the stream's id: `{ ...fields, text }`, and `aborted: reason` where it was not ended by its publisher.
 *
 * Text that is appended before a `send` to the same thread reaches connections that keep up before that message does.
 */
export interface TokenStream {
  readonly id: string;
  /** UTF-16 units appended so far. */
  readonly length: number;
  /** Aborted, with a StreamAbortedError as reason, when a client cancels, the stream is aborted, or its thread is closed. */
  readonly signal: AbortSignal;
  /**
   * @throws StreamEndedError, StreamTooLongError: nothing was appended. Where the thread could not be opened, what came in its way
   */
  append(text: string): void;
  /**
   * Logs the final message; its receipt is that of `Thread.send`. Ending twice is once; where it is rejected, it can be tried again.
   * @throws StreamExistsError: the log has another message with the stream's id, perhaps the mark of a process that took this one for dead.
   *   The answer is not logged: send it under another id
   * @param fields of the message, besides `text`
   */
  end(fields?: Readonly<Record<string, unknown>>): Promise<Receipt>;
  /** Logs the text so far with `aborted: reason`. @default reason 'aborted' */
  abort(reason?: string): Promise<Receipt>;
  /**
   * Appends all that comes, then ends. A client's cancel stops it, and ends the stream with `aborted: 'cancelled'`. What the source
   * throws is thrown here as well, after the end with `aborted: 'failed'`.
   *
   * A source that hides its failures looks finished when it fails. `textStream` of the AI SDK is one: pipe `fullStream`, whose `error` part
   * counts as thrown, and whose `abort` part ends the stream with `aborted: 'aborted'`. Of its other parts only `text-delta` is text.
   */
  pipe(source: AsyncIterable<string | StreamPart>, fields?: Readonly<Record<string, unknown>>): Promise<Receipt>;
}
