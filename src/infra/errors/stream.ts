import { asError, ThreadcastError } from './base.ts';

/** An append to a token stream that has ended, here or by a mark of another process, or the end of one whose thread was erased. */
export class StreamEndedError extends ThreadcastError {
  readonly code = 'TC_STREAM_ENDED';
  readonly streamId: string;

  constructor(facts: { streamId: string }) {
    super(`stream ${facts.streamId} has ended`);
    this.streamId = facts.streamId;
  }
}

/** The reason of a token stream's signal. */
export class StreamAbortedError extends ThreadcastError {
  readonly code = 'TC_STREAM_ABORTED';
  readonly streamId: string;
  /**
   * Why the stream ended. Any other value is the publisher's own text.
   *
   * - `cancelled`: a client asked to end it.
   * - `timeout`: nothing was appended for `timeoutMs`.
   * - `drain`, `closed`: the hub shuts down.
   * - `deleted`: its thread was erased.
   * - `failed`: its end cannot be logged: its codec throws.
   * - `ended`: another process has logged its end.
   */
  readonly reason: string;
  /** The user who cancelled. */
  readonly userId: string | undefined;

  constructor(facts: { streamId: string; reason: string; userId?: string | undefined }) {
    super(`stream ${facts.streamId} is aborted: ${facts.reason}`);
    this.streamId = facts.streamId;
    this.reason = facts.reason;
    this.userId = facts.userId;
  }
}

/** More than a stream may have. What was written before stays. */
export class StreamTooLongError extends ThreadcastError {
  readonly code = 'TC_STREAM_TOO_LONG';
  readonly streamId: string;
  /** Length including what was refused, in `unit`. */
  readonly length: number;
  readonly limit: number;
  /** UTF-16 units of text; bytes of chunks, or chunks. */
  readonly unit: 'units' | 'bytes' | 'chunks';

  constructor(facts: { streamId: string; length: number; limit: number; unit?: 'units' | 'bytes' | 'chunks' }) {
    const { unit = 'units' } = facts;
    super(`stream ${facts.streamId} of ${facts.length} ${unit} would be over the limit of ${facts.limit}`);
    this.streamId = facts.streamId;
    this.length = facts.length;
    this.limit = facts.limit;
    this.unit = unit;
  }
}

/** A token stream, or a message, with the id of a token stream in progress in the thread. */
export class StreamExistsError extends ThreadcastError {
  readonly code = 'TC_STREAM_EXISTS';
  readonly threadId: string;
  readonly streamId: string;

  constructor(facts: { threadId: string; streamId: string }) {
    super(
      `thread ${facts.threadId} has a stream ${facts.streamId} in progress, or a message with this id in its log: use another id`,
    );
    this.threadId = facts.threadId;
    this.streamId = facts.streamId;
  }
}

/** As many token streams as `streams.maxPerThread` allows are in progress in the thread. */
export class TooManyStreamsError extends ThreadcastError {
  readonly code = 'TC_TOO_MANY_STREAMS';
  readonly threadId: string;
  readonly streamId: string;
  readonly limit: number;

  constructor(facts: { threadId: string; streamId: string; limit: number }) {
    super(
      `${facts.limit} streams are in progress in thread ${facts.threadId}, the limit of streams.maxPerThread: ${facts.streamId} is refused`,
    );
    this.threadId = facts.threadId;
    this.streamId = facts.streamId;
    this.limit = facts.limit;
  }
}

/**
 * The mark of a stream that its publisher did not end is not in the log: the hub has closed before, or the message was refused (see its
 * `cause`). If the hub has closed, other processes that have a part of the stream log that part, with `aborted: 'lost'`.
 */
export class StreamLostError extends ThreadcastError {
  readonly code = 'TC_STREAM_LOST';
  readonly threadId: string;
  readonly streamId: string;
  /** UTF-16 units, or chunks, that were written. */
  readonly length: number;

  constructor(facts: { threadId: string; streamId: string; length: number; cause: unknown }) {
    super(
      `stream ${facts.streamId} of thread ${facts.threadId} has ended at ${facts.length} without a message: ${asError(facts.cause).message}`,
      { cause: facts.cause },
    );
    this.threadId = facts.threadId;
    this.streamId = facts.streamId;
    this.length = facts.length;
  }
}
