/** Another word: of the application, or of a later server. */
export type Other = string & Record<never, never>;

/**
 * Every error that the client raises on purpose is a class, with a stable `code` and the facts as fields. `name` equals the code, because
 * bundlers rename classes.
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

/** An invalid thread id. Valid are 1 to 256 bytes of UTF-8 without control characters or lone surrogates, not beginning with `~`. */
export class InvalidThreadIdError extends errorOf(
  'TC_INVALID_THREAD_ID',
  ({ threadId }: { threadId: unknown }) => `this ${typeof threadId} is not a thread id of 1 to 256 bytes`,
) {
  declare readonly threadId: unknown;
}

/** `client.close()` was called, or the server closed with a code that says never to reconnect. */
export class ClientClosedError extends errorOf(
  'TC_CLIENT_CLOSED',
  ({ action }: { action: string }) => `cannot ${action}: the client is closed`,
) {}

/** The server closed the connection with a code that says never to reconnect. Iterators of the threads throw it. */
export class ConnectionRefusedError extends errorOf(
  'TC_CONNECTION_REFUSED',
  ({ closeCode, reason }: { closeCode: number; reason: string }) => `refused: ${closeCode} ${reason}`,
) {
  /** RFC 6455 close code, 4401 for example. */
  declare readonly closeCode: number;
  declare readonly reason: string;
}

/**
 * Several attempts in a row have failed, and the client continues to try. A browser hides why a handshake is refused. Check the server's
 * log for a disallowed page origin or a refused authentication, and check the address.
 */
export class ConnectionFailingError extends errorOf(
  'TC_CONNECTION_FAILING',
  ({ attempts, closeCode, reason }: { attempts: number; closeCode: number; reason: string }) =>
    `${attempts} attempts failed: ${closeCode} ${reason}`,
) {
  declare readonly attempts: number;
  /** How the newest attempt ended: 1006 without a close frame. */
  declare readonly closeCode: number;
  declare readonly reason: string;
}

/** The server does not let this client into the thread. The thread is over; iterators throw this. */
export class JoinRefusedError extends errorOf(
  'TC_JOIN_REFUSED',
  ({ threadId, reason }: { threadId: string; reason: string }) => `join of ${threadId} was refused: ${reason}`,
) {
  declare readonly threadId: string;
  /** The server's code. */
  declare readonly reason: 'forbidden' | 'TC_TOO_MANY_THREADS' | 'TC_INVALID_POSITION' | 'internal' | Other;
}

/** An `err` frame: a request of this client failed on the server. */
export class ServerError extends errorOf(
  'TC_SERVER_ERROR',
  ({ reason, threadId = '' }: { reason: string; threadId: string | undefined }) =>
    `the server reports: ${reason} ${threadId}`,
) {
  /** The thread of the request, if it has one. */
  declare readonly threadId: string | undefined;
  /** The server's code, for example `internal`. */
  declare readonly reason: string;
}

/** Why the server does not accept a message that a client publishes. */
export type RefusedPublish =
  | 'forbidden'
  | 'unauthenticated'
  | 'rate-limited'
  | 'unavailable'
  | 'unhandled'
  | 'invalid'
  | 'too-complex'
  | 'internal'
  | `TC_${string}`
  | Other;

interface PublishRefusal {
  readonly threadId: string;
  readonly id: string;
  readonly reason: string;
  readonly detail: string | undefined;
  readonly paths: readonly string[];
}

/** The server has not accepted a published message. Publish it again with the same id to try again. */
export class PublishRefusedError extends errorOf(
  'TC_PUBLISH_REFUSED',
  ({ id, reason, detail = reason }: PublishRefusal) => `message ${id} was refused: ${detail}`,
) {
  declare readonly threadId: string;
  declare readonly id: string;
  /** The server's code. */
  declare readonly reason: RefusedPublish;
  /** The explanation of the application, or of the thread's schema, if there is one. */
  declare readonly detail: string | undefined;
  /** Where `reason` is `invalid`: what is wrong in the message, `user.name` for example, the first 16; empty for the message as a whole. */
  declare readonly paths: readonly string[];
}

/**
 * No answer arrived within `publishTimeoutMs`: the server may have accepted the message or not. With the same id it is the same message.
 */
export class PublishTimeoutError extends errorOf(
  'TC_PUBLISH_TIMEOUT',
  ({ id, timeoutMs }: { threadId: string; id: string; timeoutMs: number }) =>
    `message ${id} had no answer in ${timeoutMs} ms`,
) {
  declare readonly threadId: string;
  declare readonly id: string;
  declare readonly timeoutMs: number;
}

/** `maxQueued` messages already wait for their answers; this one was not accepted. */
export class PublishQueueFullError extends errorOf(
  'TC_PUBLISH_QUEUE_FULL',
  ({ limit }: { limit: number }) => `${limit} messages wait`,
) {
  /** Messages. */
  declare readonly limit: number;
}

/** A value that JSON cannot express; the error of `JSON.stringify` is the `cause`. */
export class UnserializableMessageError extends errorOf(
  'TC_UNSERIALIZABLE_MESSAGE',
  ({ cause }: { cause: unknown }) => `message is no JSON ${cause instanceof Error ? cause.message : ''}`,
) {}

/**
 * More bytes than the server accepts in one frame, as stated in `hello`: it would have closed the connection. Or, as an `error` event, a
 * message from the server of more than `maxMessageBytes`: a `gap` states where the thread continues.
 */
export class MessageTooLargeError extends errorOf(
  'TC_MESSAGE_TOO_LARGE',
  ({ bytes, limit }: { bytes: number | undefined; limit: number }) =>
    `message has ${bytes ?? ''} bytes, more than ${limit}`,
) {
  /** Of the whole frame, UTF-8; undefined for a message from the server. */
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

/** The server sent an invalid frame; the client ignored it. */
export class MalformedFrameError extends errorOf(
  'TC_MALFORMED_FRAME',
  ({ start }: { start: string }) => `malformed frame: ${start}`,
) {
  /** Its first 100 characters; empty if it was not text. */
  declare readonly start: string;
}
