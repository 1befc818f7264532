/**
 * Every error that the client raises on purpose: a class each, with a stable `code` and the facts as fields. `name` is the
 * code too, because bundlers rename classes.
 */
export abstract class ThreadcastClientError extends Error {
  /** Stable, machine-readable: `TC_...`. Messages may be reworded between versions, codes are not. */
  abstract readonly code: `TC_${string}`;

  override get name(): string {
    return this.code;
  }
}

/** An error class that has its code and its text; the facts become fields, which the classes below only declare. */
function errorOf<Code extends `TC_${string}`, Facts extends object>(code: Code, textOf: (facts: Facts) => string) {
  return class extends ThreadcastClientError {
    readonly code = code;

    constructor(facts: Facts) {
      super(textOf(facts));
      Object.assign(this, facts);
    }
  };
}

/** No thread id: 1 to 256 bytes of UTF-8 without control characters or lone surrogates, not beginning with `~`. */
export class InvalidThreadIdError extends errorOf(
  'TC_INVALID_THREAD_ID',
  ({ threadId }: { threadId: unknown }) => `this ${typeof threadId} is not a thread id of 1 to 256 bytes`,
) {
  declare readonly threadId: unknown;
}

/** `client.close()` was called, or the server closed with a code that says never to come back. */
export class ClientClosedError extends errorOf(
  'TC_CLIENT_CLOSED',
  ({ action }: { action: string }) => `cannot ${action}: the client is closed`,
) {}

/** The server closed the connection with a code that means: do not come back. Iterators of the threads throw it. */
export class ConnectionRefusedError extends errorOf(
  'TC_CONNECTION_REFUSED',
  ({ closeCode, reason }: { closeCode: number; reason: string }) => `refused: ${closeCode} ${reason}`,
) {
  /** RFC 6455 close code, 4401 for example. */
  declare readonly closeCode: number;
  declare readonly reason: string;
}

/**
 * So many attempts in a row have failed, and the client goes on trying. A browser hides why a handshake is refused: look at the server's
 * log for a page's origin that is not allowed, or a refused authentication, and at the address.
 */
export class ConnectionFailingError extends errorOf(
  'TC_CONNECTION_FAILING',
  ({ attempts, closeCode, reason }: { attempts: number; closeCode: number; reason: string }) =>
    `${attempts} attempts failed: ${closeCode} ${reason}`,
) {
  declare readonly attempts: number;
  /** How the newest one ended: 1006 without a close frame. */
  declare readonly closeCode: number;
  declare readonly reason: string;
}

/** The server does not let this client into the thread. The thread is over; iterators throw this. */
export class JoinRefusedError extends errorOf(
  'TC_JOIN_REFUSED',
  ({ threadId, reason }: { threadId: string; reason: string }) => `join of ${threadId} was refused: ${reason}`,
) {
  declare readonly threadId: string;
  /** The server's word: `forbidden`, `TC_INVALID_POSITION`. */
  declare readonly reason: string;
}

/** An `err` frame: something that this client asked for went wrong on the server. */
export class ServerError extends errorOf(
  'TC_SERVER_ERROR',
  ({ reason, threadId = '' }: { reason: string; threadId: string | undefined }) =>
    `the server reports: ${reason} ${threadId}`,
) {
  /** The thread that it is about, where it is about one. */
  declare readonly threadId: string | undefined;
  /** The server's word, `internal` for example. */
  declare readonly reason: string;
}

/** The server has not taken what was published. Publishing it again is another attempt, with the same id of the same message. */
export class PublishRefusedError extends errorOf(
  'TC_PUBLISH_REFUSED',
  ({ id, reason, detail = reason }: { threadId: string; id: string; reason: string; detail: string | undefined }) =>
    `message ${id} was refused: ${detail}`,
) {
  declare readonly threadId: string;
  declare readonly id: string;
  /** The server's word: `forbidden`, `rate-limited`, `unhandled`, `internal`, `TC_MESSAGE_TOO_LARGE`. */
  declare readonly reason: string;
  /** What the application says about it, where it says something. */
  declare readonly detail: string | undefined;
}

/** No answer came within `publishTimeoutMs`: the server may have taken the message or not. With the same id it is the same one. */
export class PublishTimeoutError extends errorOf(
  'TC_PUBLISH_TIMEOUT',
  ({ id, timeoutMs }: { threadId: string; id: string; timeoutMs: number }) =>
    `message ${id} had no answer in ${timeoutMs} ms`,
) {
  declare readonly threadId: string;
  declare readonly id: string;
  declare readonly timeoutMs: number;
}

/** As many messages as `maxQueued` allows wait for their answers already; this one was not taken. */
export class PublishQueueFullError extends errorOf(
  'TC_PUBLISH_QUEUE_FULL',
  ({ limit }: { limit: number }) => `${limit} messages wait`,
) {
  /** Messages. */
  declare readonly limit: number;
}

/** A value that JSON cannot express; what `JSON.stringify` threw is the `cause`. */
export class UnserializableMessageError extends errorOf(
  'TC_UNSERIALIZABLE_MESSAGE',
  ({ cause }: { cause: unknown }) => `message is no JSON ${cause instanceof Error ? cause.message : ''}`,
) {}

/**
 * More bytes than the server takes in one frame, as it said in `hello`: it would have closed the connection. Or, as an `error` event, a
 * message of the server's of more than `maxMessageBytes`: a `gap` tells where the thread goes on.
 */
export class MessageTooLargeError extends errorOf(
  'TC_MESSAGE_TOO_LARGE',
  ({ bytes, limit }: { bytes: number | undefined; limit: number }) =>
    `message has ${bytes ?? ''} bytes, more than ${limit}`,
) {
  /** Of the whole frame, UTF-8; undefined for a message of the server's. */
  declare readonly bytes: number | undefined;
  declare readonly limit: number;
}

/** An option or argument with a value of the wrong type or out of its range. */
export class InvalidOptionError extends errorOf(
  'TC_INVALID_OPTION',
  ({ option, expected }: { option: string; expected: string }) => `option ${option}: expected ${expected}`,
) {
  declare readonly option: string;
  declare readonly expected: string;
}

/** The server sent what is no frame of the protocol; it was ignored. */
export class MalformedFrameError extends errorOf(
  'TC_MALFORMED_FRAME',
  ({ start }: { start: string }) => `malformed frame: ${start}`,
) {
  /** Its first 100 characters; empty where it was not text. */
  declare readonly start: string;
}
