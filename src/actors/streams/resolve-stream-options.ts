import { InvalidOptionError } from '../../infra/errors.ts';
import { checkFunction, checkNumber, type Filled } from '../../infra/option-checks.ts';
import type { Receipt } from '../thread/receipt.ts';

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
   * @param fields of the message, besides `text`
   */
  end(fields?: Readonly<Record<string, unknown>>): Promise<Receipt>;
  /** Logs the text so far with `aborted: reason`. @default reason 'aborted' */
  abort(reason?: string): Promise<Receipt>;
  /**
   * Appends all that comes, then ends. A client's cancel stops it, and ends the stream with `aborted: 'cancelled'`. What the source
   * throws is thrown here as well, after the end with `aborted: 'failed'`.
   */
  pipe(source: AsyncIterable<string>, fields?: Readonly<Record<string, unknown>>): Promise<Receipt>;
}

/** Limits of the token streams. Times are in milliseconds. */
export interface StreamLimits {
  /** Text that comes within this time goes out together, in one frame for all connections. @default 40 */
  windowMs?: number | undefined;
  /** A stream that nothing is appended to for this long is aborted. @default 60000 */
  timeoutMs?: number | undefined;
  /** Streams under way in one thread; more are refused with `TC_TOO_MANY_STREAMS`. @default 32 */
  maxPerThread?: number | undefined;
  /** UTF-16 units of one stream; more are refused with `TC_STREAM_TOO_LONG`. @default 1048576 */
  maxLength?: number | undefined;
}

export interface StreamSettings {
  readonly id: string;
  readonly timeoutMs: number;
  readonly mayCancel: (by: Canceller) => boolean | Promise<boolean>;
}

/** `setTimeout` fires at once for 2^31 ms or more. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveStreamLimits(limits: StreamLimits = {}): Filled<StreamLimits> {
  return {
    windowMs: checkNumber('streams.windowMs', limits.windowMs, 40, { min: 0, max: 60_000 }),
    timeoutMs: checkNumber('streams.timeoutMs', limits.timeoutMs, 60_000, { min: 1, max: LONGEST_TIMER }),
    maxPerThread: checkNumber('streams.maxPerThread', limits.maxPerThread, 32, { min: 1 }),
    maxLength: checkNumber('streams.maxLength', limits.maxLength, 1024 * 1024, { min: 1 }),
  };
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveStream(
  options: StreamOptions,
  hub: { newId(): string; readonly settings: { readonly streams: Filled<StreamLimits> } },
): StreamSettings {
  const { id = hub.newId() } = options;
  if (typeof id !== 'string' || !/^[\w.:-]{1,128}$/.test(id)) {
    throw new InvalidOptionError({ option: 'id', value: id, expected: 'a text that matches ^[\\w.:-]{1,128}$' });
  }
  return {
    id,
    timeoutMs: checkNumber('timeoutMs', options.timeoutMs, hub.settings.streams.timeoutMs, { min: 1 }),
    mayCancel: checkFunction('mayCancel', options.mayCancel) ?? (() => true),
  };
}
