import type { MessageIssue } from '../../api/thread.ts';
import type { Strategy } from '../../api/receipt.ts';
import { ThreadcastError, describe } from './base.ts';

/** A value that JSON cannot express: a cycle, a BigInt, `undefined`, or a `toJSON` or getter that threw (see `cause`). */
export class UnserializableMessageError extends ThreadcastError {
  readonly code = 'TC_UNSERIALIZABLE_MESSAGE';
  /** The path in the value, as `$.a.b[3]`; undefined if the serializer could not determine it. */
  readonly path: string | undefined;
  readonly reason: string;
  /** JSON can express it, but would silently lose something: an error in development only. */
  readonly isLossy: boolean;

  constructor(facts: { reason: string; path?: string | undefined; isLossy?: boolean; cause?: unknown }) {
    super(
      `message cannot be serialized: ${facts.reason}${facts.path === undefined ? '' : ` at ${facts.path}`}`,
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.path = facts.path;
    this.reason = facts.reason;
    this.isLossy = facts.isLossy === true;
  }
}

/** A message that the schema of its thread's definition refuses: found in development only. */
export class InvalidMessageError extends ThreadcastError {
  readonly code = 'TC_INVALID_MESSAGE';
  readonly threadId: string;
  /** The pattern of the definition. */
  readonly pattern: string;
  /** The first 16. */
  readonly issues: readonly MessageIssue[];

  constructor(facts: { threadId: string; pattern: string; issues: readonly MessageIssue[] }) {
    super(`message for thread ${facts.threadId} is none of ${facts.pattern}: ${textOfIssues(facts.issues)}`);
    this.threadId = facts.threadId;
    this.pattern = facts.pattern;
    this.issues = facts.issues;
  }
}

/** Data of `answer` that the schema of its thread's definition refuses: found in development only. The client was refused with this code. */
export class InvalidAnswerError extends ThreadcastError {
  readonly code = 'TC_INVALID_ANSWER';
  readonly threadId: string;
  /** The pattern of the definition. */
  readonly pattern: string;
  /** The first 16. */
  readonly issues: readonly MessageIssue[];

  constructor(facts: { threadId: string; pattern: string; issues: readonly MessageIssue[] }) {
    super(`answer in thread ${facts.threadId} is none of ${facts.pattern}: ${textOfIssues(facts.issues)}`);
    this.threadId = facts.threadId;
    this.pattern = facts.pattern;
    this.issues = facts.issues;
  }
}

/** `text: Required; user.name: Too short` */
export function textOfIssues(issues: readonly MessageIssue[]): string {
  return issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
}

/** A message whose JSON is larger than `maxMessageBytes`. */
export class MessageTooLargeError extends ThreadcastError {
  readonly code = 'TC_MESSAGE_TOO_LARGE';
  /** Bytes counted when the limit was exceeded; the whole message may be larger. */
  readonly bytes: number;
  readonly limit: number;

  constructor(facts: { bytes: number; limit: number }) {
    super(`message of at least ${facts.bytes} bytes is over the limit of ${facts.limit} bytes`);
    this.bytes = facts.bytes;
    this.limit = facts.limit;
  }
}

/**
 * Development mode only, as an `error` event: a message was changed while it was being serialized. So the sent bytes are neither the old
 * nor the new state. Its `cause` shows where the message was sent.
 */
export class MessageChangedError extends ThreadcastError {
  readonly code = 'TC_MESSAGE_CHANGED';
  /** The byte in its JSON at which the first difference is. */
  readonly byte: number;
  /** The JSON around it, as it was at the call. */
  readonly before: string;
  /** The same, as it was sent. */
  readonly after: string;

  constructor(facts: { byte: number; before: string; after: string; cause: Error }) {
    super(
      `message was changed before send had resolved: at byte ${facts.byte} it was ${describe(facts.before)}, and ` +
        `${describe(facts.after)} was sent (leave it alone until then, or send it with snapshot: true)`,
      { cause: facts.cause },
    );
    this.byte = facts.byte;
    this.before = facts.before;
    this.after = facts.after;
  }
}

/** A serialization that did not finish by its deadline. */
export class SerializationTimeoutError extends ThreadcastError {
  readonly code = 'TC_SERIALIZATION_TIMEOUT';
  readonly timeoutMs: number;
  /** Which part was late: a recipe in a worker, or slices on this thread. */
  readonly strategy: Strategy;

  constructor(facts: { timeoutMs: number; strategy: Strategy }) {
    super(`message was not serialized (${facts.strategy}) within ${facts.timeoutMs} ms`);
    this.timeoutMs = facts.timeoutMs;
    this.strategy = facts.strategy;
  }
}

/** The serializer's bounded queue has no place for another message. */
export class SerializerQueueFullError extends ThreadcastError {
  readonly code = 'TC_SERIALIZER_QUEUE_FULL';
  readonly queued: number;
  readonly limit: number;

  constructor(facts: { queued: number; limit: number }) {
    super(`serializer queue is full: ${facts.queued} jobs in progress, limit ${facts.limit}`);
    this.queued = facts.queued;
    this.limit = facts.limit;
  }
}

/** A recipe's worker crashed, ran out of memory, could not load its module, or the recipe threw (see `cause`). */
export class WorkerFailedError extends ThreadcastError {
  readonly code = 'TC_WORKER_FAILED';
  readonly url: string;
  readonly reason: string;

  constructor(facts: { url: string; reason: string; cause?: unknown }) {
    super(
      `recipe ${facts.url} failed: ${facts.reason}`,
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.url = facts.url;
    this.reason = facts.reason;
  }
}
