import { textOf } from './fields.ts';

/**
 * Every error that the client raises on purpose: a class each, with a stable `code` and the facts as fields. `name` is the
 * code too, because bundlers rename classes.
 */
export abstract class ThreadcastClientError extends Error {
  /** Stable, machine-readable: `TC_...`. Messages may be reworded between versions, codes are not. */
  abstract readonly code: `TC_${string}`;

  /** @param facts become fields, which the classes declare: so no page pays for assignments */
  constructor(message: string, facts?: object) {
    super(message);
    Object.assign(this, facts);
  }

  override get name(): string {
    return this.code;
  }
}

/** No thread id: 1 to 256 bytes of UTF-8 without control characters or lone surrogates, not beginning with `~`. */
export class InvalidThreadIdError extends ThreadcastClientError {
  readonly code = 'TC_INVALID_THREAD_ID';
  declare readonly threadId: unknown;

  constructor(threadId: unknown) {
    super('not a thread id: 1 to 256 bytes of UTF-8, no control characters, no ~ at the beginning', { threadId });
  }
}

/** `client.close()` was called, or the server closed with a code that says never to come back. */
export class ClientClosedError extends ThreadcastClientError {
  readonly code = 'TC_CLIENT_CLOSED';

  constructor(action: string) {
    super(`cannot ${action}: the client is closed`);
  }
}

/** The server closed the connection with a code that means: do not come back. Iterators of the threads throw it. */
export class ConnectionRefusedError extends ThreadcastClientError {
  readonly code = 'TC_CONNECTION_REFUSED';
  /** RFC 6455 close code, 4401 for example. */
  declare readonly closeCode: number;
  declare readonly reason: string;

  constructor(closeCode: number, reason: string) {
    super(`closed for good: ${closeCode} ${reason}`, { closeCode, reason });
  }
}

/**
 * So many attempts in a row have failed, and the client goes on trying. A browser hides why a handshake is refused: look at the server's
 * log for a page's origin that is not allowed, or a refused authentication, and at the address.
 */
export class ConnectionFailingError extends ThreadcastClientError {
  readonly code = 'TC_CONNECTION_FAILING';
  declare readonly attempts: number;
  /** How the newest one ended: 1006 without a close frame. */
  declare readonly closeCode: number;
  declare readonly reason: string;

  constructor(attempts: number, closeCode: number, reason: string) {
    super(`${attempts} attempts to connect have failed: ${closeCode} ${reason}`, { attempts, closeCode, reason });
  }
}

/** The server does not let this client into the thread. The thread is over; iterators throw this. */
export class JoinRefusedError extends ThreadcastClientError {
  readonly code = 'TC_JOIN_REFUSED';
  declare readonly threadId: string;
  /** The server's word: `forbidden`, `TC_INVALID_POSITION`. */
  declare readonly reason: string;

  constructor(threadId: string, reason: string) {
    super(`join of ${threadId} was refused: ${reason}`, { threadId, reason });
  }
}

/** An `err` frame: something that this client asked for went wrong on the server. */
export class ServerError extends ThreadcastClientError {
  readonly code = 'TC_SERVER_ERROR';
  /** The thread that it is about, where it is about one. */
  declare readonly threadId: string | undefined;
  /** The server's word, `internal` for example. */
  declare readonly reason: string;

  constructor(reason: string, threadId?: string) {
    super(`the server reports: ${reason} ${threadId ?? ''}`, {
      threadId,
      reason,
    });
  }
}

/** The server has not taken what was published. Publishing it again is another attempt, with the same id of the same message. */
export class PublishRefusedError extends ThreadcastClientError {
  readonly code = 'TC_PUBLISH_REFUSED';
  declare readonly threadId: string;
  declare readonly id: string;
  /** The server's word: `forbidden`, `rate-limited`, `unhandled`, `internal`, `TC_MESSAGE_TOO_LARGE`. */
  declare readonly reason: string;
  /** What the application says about it, where it says something. */
  declare readonly detail: string | undefined;

  constructor(facts: { threadId: string; id: string; reason: string; detail: string | undefined }) {
    super(`message ${facts.id} was refused: ${facts.detail ?? facts.reason}`, facts);
  }
}

/** No answer came within `publishTimeoutMs`: nobody knows whether the server has taken the message. With the same id it is the same one. */
export class PublishTimeoutError extends ThreadcastClientError {
  readonly code = 'TC_PUBLISH_TIMEOUT';
  declare readonly threadId: string;
  declare readonly id: string;
  declare readonly timeoutMs: number;

  constructor(facts: { threadId: string; id: string; timeoutMs: number }) {
    super(`message ${facts.id} had no answer in ${facts.timeoutMs} ms`, facts);
  }
}

/** As many messages as `maxQueued` allows wait for their answers already; this one was not taken. */
export class PublishQueueFullError extends ThreadcastClientError {
  readonly code = 'TC_PUBLISH_QUEUE_FULL';
  /** Messages. */
  declare readonly limit: number;

  constructor(limit: number) {
    super(`${limit} messages wait already`, { limit });
  }
}

/** A value that JSON cannot express; what `JSON.stringify` threw is the `cause`. */
export class UnserializableMessageError extends ThreadcastClientError {
  readonly code = 'TC_UNSERIALIZABLE_MESSAGE';

  constructor(cause?: unknown) {
    super('message is no JSON', { cause });
  }
}

/**
 * More bytes than the server takes in one frame, as it said in `hello`: it would have closed the connection. Or, as an `error` event, a
 * message of the server's of more than `maxMessageBytes`: a `gap` tells where the thread goes on.
 */
export class MessageTooLargeError extends ThreadcastClientError {
  readonly code = 'TC_MESSAGE_TOO_LARGE';
  /** Of the whole frame, UTF-8; undefined for a message of the server's. */
  declare readonly bytes: number | undefined;
  declare readonly limit: number;

  constructor(bytes: number | undefined, limit: number) {
    super(`message has ${bytes ?? ''} bytes, more than ${limit}`, { bytes, limit });
  }
}

/** An option or argument with a value of the wrong type or out of its range. */
export class InvalidOptionError extends ThreadcastClientError {
  readonly code = 'TC_INVALID_OPTION';
  declare readonly option: string;
  declare readonly expected: string;

  constructor(option: string, expected: string) {
    super(`option ${option}: expected ${expected}`, { option, expected });
  }
}

/** The server sent what is no frame of the protocol; it was ignored. */
export class MalformedFrameError extends ThreadcastClientError {
  readonly code = 'TC_MALFORMED_FRAME';
  /** Its first 100 characters; empty where it was not text. */
  declare readonly start: string;

  constructor(data: unknown) {
    const start = textOf(data)?.slice(0, 100) ?? '';
    super(`malformed frame: ${start}`, { start });
  }
}
