import { isText } from './fields.ts';

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

/** Of a text in an error's message. */
const MAX_SHOWN = 200;

/** An error class of one code. Its facts become fields, which the classes below only declare, and its message is made of them. */
function errorOf<Code extends `TC_${string}`, Facts extends object>(code: Code) {
  return class extends ThreadcastClientError {
    readonly code = code;

    constructor(facts: Facts) {
      super(Object.entries(facts).flatMap(shown).join(', '));
      Object.assign(this, facts);
    }
  };
}

/** Texts and numbers. What the application has passed instead may throw when it becomes a text. */
function shown([name, value]: [string, unknown]): string[] {
  return isText(value) || typeof value === 'number' ? [`${name} ${`${value}`.slice(0, MAX_SHOWN)}`] : [];
}

/** An invalid thread id. Valid are 1 to 256 bytes of UTF-8 without control characters or lone surrogates, not beginning with `~`. */
export class InvalidThreadIdError extends errorOf<'TC_INVALID_THREAD_ID', { threadId: unknown }>(
  'TC_INVALID_THREAD_ID',
) {
  declare readonly threadId: unknown;
}

/** `client.close()` was called, or the server closed with a code that says never to reconnect. For `loadOlder`: the thread has ended. */
export class ClientClosedError extends errorOf<'TC_CLIENT_CLOSED', { action: string }>('TC_CLIENT_CLOSED') {}

/** The server closed the connection with a code that says never to reconnect. Iterators of the threads throw it. */
export class ConnectionRefusedError extends errorOf<'TC_CONNECTION_REFUSED', { closeCode: number; reason: string }>(
  'TC_CONNECTION_REFUSED',
) {
  /** RFC 6455 close code, 4401 for example. */
  declare readonly closeCode: number;
  declare readonly reason: string;
}

/**
 * Several attempts in a row have failed, and the client continues to try. A browser hides why a handshake is refused. Check the server's
 * log for a disallowed page origin or a refused authentication, and check the address.
 */
export class ConnectionFailingError extends errorOf<
  'TC_CONNECTION_FAILING',
  { attempts: number; closeCode: number; reason: string }
>('TC_CONNECTION_FAILING') {
  declare readonly attempts: number;
  /** How the newest attempt ended: 1006 without a close frame. */
  declare readonly closeCode: number;
  declare readonly reason: string;
}

/** The server does not let this client into the thread. The thread is over; iterators throw this. */
export class JoinRefusedError extends errorOf<'TC_JOIN_REFUSED', { threadId: string; reason: string }>(
  'TC_JOIN_REFUSED',
) {
  declare readonly threadId: string;
  /** The server's code. */
  declare readonly reason: 'forbidden' | 'TC_TOO_MANY_THREADS' | 'TC_INVALID_POSITION' | 'internal' | Other;
}

/** An `err` frame: a request of this client failed on the server. */
export class ServerError extends errorOf<'TC_SERVER_ERROR', { reason: string; threadId: string | undefined }>(
  'TC_SERVER_ERROR',
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
export class PublishRefusedError extends errorOf<'TC_PUBLISH_REFUSED', PublishRefusal>('TC_PUBLISH_REFUSED') {
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
export class PublishTimeoutError extends errorOf<
  'TC_PUBLISH_TIMEOUT',
  { threadId: string; id: string; timeoutMs: number }
>('TC_PUBLISH_TIMEOUT') {
  declare readonly threadId: string;
  declare readonly id: string;
  declare readonly timeoutMs: number;
}

/** `maxQueued` messages already wait for their answers; this one was not accepted. */
export class PublishQueueFullError extends errorOf<'TC_PUBLISH_QUEUE_FULL', { limit: number }>(
  'TC_PUBLISH_QUEUE_FULL',
) {
  /** Messages. */
  declare readonly limit: number;
}

/** A value that JSON cannot express, bytes too; the error of `JSON.stringify` is the `cause`. */
export class UnserializableMessageError extends errorOf<'TC_UNSERIALIZABLE_MESSAGE', { cause: unknown }>(
  'TC_UNSERIALIZABLE_MESSAGE',
) {}

/**
 * More bytes than the server accepts in one frame, as stated in `hello`: it would have closed the connection. Or, as an `error` event, a
 * message from the server of more than `maxMessageBytes`: a `gap` states where the thread continues.
 */
export class MessageTooLargeError extends errorOf<'TC_MESSAGE_TOO_LARGE', { bytes: number | undefined; limit: number }>(
  'TC_MESSAGE_TOO_LARGE',
) {
  /** Of the whole frame, UTF-8; undefined for a message from the server. */
  declare readonly bytes: number | undefined;
  declare readonly limit: number;
}

/** An option or argument with a value of the wrong type or out of its range. */
export class InvalidOptionError extends errorOf<'TC_INVALID_OPTION', { option: string; expected: string }>(
  'TC_INVALID_OPTION',
) {
  declare readonly option: string;
  declare readonly expected: string;
}

/** The server sent an invalid frame; the client ignored it. */
export class MalformedFrameError extends errorOf<'TC_MALFORMED_FRAME', { start: string }>('TC_MALFORMED_FRAME') {
  /** Its first 100 characters; empty if it was not text. */
  declare readonly start: string;
}
