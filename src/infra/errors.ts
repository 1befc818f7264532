/**
 * Every error that threadcast raises on purpose: a class each, with a stable `code` and the facts as fields.
 * The message is made from the facts, so that a log line alone tells what, where and the limit.
 */
export abstract class ThreadcastError extends Error {
  /** Stable, machine-readable: `TC_...`. Messages may be reworded between versions, codes are not. */
  abstract readonly code: `TC_${string}`;

  override get name(): string {
    return this.constructor.name;
  }
}

/** A thread id that is not 1 to 256 bytes of UTF-8, has a control character or a lone surrogate, or begins with the library's own `~`. */
export class InvalidThreadIdError extends ThreadcastError {
  readonly code = 'TC_INVALID_THREAD_ID';
  readonly threadId: string;

  constructor(threadId: unknown) {
    const shown = typeof threadId === 'string' ? threadId : `(${typeof threadId})`;
    const why = shown.startsWith('~')
      ? "is reserved: ids that begin with ~ are the library's own (use hub.user(id).send, connection.send)"
      : 'is none: expected 1 to 256 bytes of UTF-8 without control characters or lone surrogates';
    super(`thread id ${JSON.stringify(shown.slice(0, 160))} ${why}`);
    this.threadId = shown;
  }
}

/** An option with a value of the wrong type or out of its range, or one that there is not. */
export class InvalidOptionError extends ThreadcastError {
  readonly code = 'TC_INVALID_OPTION';
  readonly option: string;
  readonly value: unknown;
  readonly expected: string;

  constructor(facts: { option: string; value?: unknown; expected: string; isUnknown?: boolean }) {
    super(
      facts.isUnknown === true
        ? `option ${facts.option} does not exist; expected ${facts.expected}`
        : `option ${facts.option} is ${describe(facts.value)}; expected ${facts.expected}`,
    );
    this.option = facts.option;
    this.value = facts.value;
    this.expected = facts.expected;
  }
}

/** A value that JSON cannot express: a cycle, a BigInt, `undefined`, or a `toJSON` or getter that threw (see `cause`). */
export class UnserializableMessageError extends ThreadcastError {
  readonly code = 'TC_UNSERIALIZABLE_MESSAGE';
  /** Where in the value, as `$.a.b[3]`; undefined where the serializer could not tell. */
  readonly path: string | undefined;
  readonly reason: string;
  /** JSON could be made of it, but would lose something in silence: an error in development only. */
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

/** A message whose JSON is larger than `maxMessageBytes`. */
export class MessageTooLargeError extends ThreadcastError {
  readonly code = 'TC_MESSAGE_TOO_LARGE';
  /** Bytes seen when the limit was passed: at least this many, the whole message may be larger. */
  readonly bytes: number;
  readonly limit: number;

  constructor(facts: { bytes: number; limit: number }) {
    super(`message of at least ${facts.bytes} bytes is over the limit of ${facts.limit} bytes`);
    this.bytes = facts.bytes;
    this.limit = facts.limit;
  }
}

/**
 * Development mode only, as an `error` event: a message was changed while it was being serialized, so that what was sent is
 * neither what it was nor what it is. Its `cause` tells where it was sent.
 */
export class MessageChangedError extends ThreadcastError {
  readonly code = 'TC_MESSAGE_CHANGED';
  /** Where in its JSON the first difference is. */
  readonly byte: number;
  /** The JSON around it, as it was at the call. */
  readonly before: string;
  /** And as it was sent. */
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

/** A serialization that was not done by its deadline. */
export class SerializationTimeoutError extends ThreadcastError {
  readonly code = 'TC_SERIALIZATION_TIMEOUT';
  readonly timeoutMs: number;
  /** Which part was late: a recipe in a worker, or slices on this thread. */
  readonly strategy: string;

  constructor(facts: { timeoutMs: number; strategy: string }) {
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
    super(`serializer queue is full: ${facts.queued} jobs under way, limit ${facts.limit}`);
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

/** `send` or `accept` on a hub that drains or has been closed. */
export class HubClosedError extends ThreadcastError {
  readonly code = 'TC_HUB_CLOSED';
  readonly state: string;

  constructor(facts: { state: string; action: string }) {
    super(`hub is ${facts.state}: ${facts.action} is refused`);
    this.state = facts.state;
  }
}

/** `send` or `join` on a thread that drains or has been closed. */
export class ThreadClosedError extends ThreadcastError {
  readonly code = 'TC_THREAD_CLOSED';
  readonly threadId: string;
  readonly state: string;

  constructor(facts: { threadId: string; state: string; action: string }) {
    super(`thread ${facts.threadId} is ${facts.state}: ${facts.action} is refused`);
    this.threadId = facts.threadId;
    this.state = facts.state;
  }
}

/** An action on a connection that has been evicted or closed. */
export class ConnectionClosedError extends ThreadcastError {
  readonly code = 'TC_CONNECTION_CLOSED';
  readonly connectionId: string;

  constructor(facts: { connectionId: string; action: string }) {
    super(`connection ${facts.connectionId} is closed: ${facts.action} is refused`);
    this.connectionId = facts.connectionId;
  }
}

/** A socket that the hub cannot drive: not open, already accepted, or not a `ws` WebSocket of a supported version. */
export class UnsupportedSocketError extends ThreadcastError {
  readonly code = 'TC_UNSUPPORTED_SOCKET';
  readonly reason: string;

  constructor(facts: { reason: string }) {
    super(`socket cannot be accepted: ${facts.reason}`);
    this.reason = facts.reason;
  }
}

/** The code of a socket threw, which is not ours: its connection has ended with 1006, the others go on. See its `cause`. */
export class SocketFailedError extends ThreadcastError {
  readonly code = 'TC_SOCKET_FAILED';

  constructor(facts: { cause: unknown }) {
    super(`the code of a socket threw: ${asError(facts.cause).message}`, { cause: facts.cause });
  }
}

/** `authenticate` had no answer in time; the client got a 503. */
export class AuthenticationTimeoutError extends ThreadcastError {
  readonly code = 'TC_AUTHENTICATION_TIMEOUT';
  readonly timeoutMs: number;

  constructor(facts: { timeoutMs: number }) {
    super(`authenticate had no answer within ${facts.timeoutMs} ms`);
    this.timeoutMs = facts.timeoutMs;
  }
}

/**
 * Another `upgrade` listener of the server has answered a request for the hub's path, or destroyed its socket. Give that listener the
 * requests for its own paths only (`new WebSocketServer({ noServer: true })` of `ws`), or a server of its own; or let it do the
 * handshake, and give the hub its WebSockets with `hub.accept`: so with `@fastify/websocket` and the `WsAdapter` of Nest.
 */
export class UpgradeTakenError extends ThreadcastError {
  readonly code = 'TC_UPGRADE_TAKEN';
  readonly path: string;

  constructor(facts: { path: string }) {
    super(
      `another upgrade listener of the server has answered a request for ${facts.path}, or destroyed its socket; ` +
        'let it leave that path alone, or accept its sockets with hub.accept',
    );
    this.path = facts.path;
  }
}

/** A server that never has a request to upgrade. */
export class UnsupportedServerError extends ThreadcastError {
  readonly code = 'TC_UNSUPPORTED_SERVER';
  readonly reason: string;

  constructor(facts: { reason: string }) {
    super(`server cannot be attached to: ${facts.reason}`);
    this.reason = facts.reason;
  }
}

/** The application did not answer about a client's request within `answerTimeoutMs`: the client was refused with this code. */
export class AnswerTimeoutError extends ThreadcastError {
  readonly code = 'TC_ANSWER_TIMEOUT';
  readonly callback: 'authorize' | 'onPublish' | 'mayCancel';
  readonly timeoutMs: number;

  constructor(facts: { callback: AnswerTimeoutError['callback']; timeoutMs: number }) {
    super(`${facts.callback} had no answer within ${facts.timeoutMs} ms`);
    this.callback = facts.callback;
    this.timeoutMs = facts.timeoutMs;
  }
}

/** A connection beyond `maxConnections` or `maxConnectionsPerUser`; its socket has been closed with 1013. */
export class TooManyConnectionsError extends ThreadcastError {
  readonly code = 'TC_TOO_MANY_CONNECTIONS';
  readonly limit: number;
  readonly userId: string | undefined;

  constructor(facts: { limit: number; userId?: string | undefined }) {
    const whose = facts.userId === undefined ? 'the hub' : `user ${facts.userId}`;
    super(`${whose} has reached the limit of ${facts.limit} connections`);
    this.limit = facts.limit;
    this.userId = facts.userId;
  }
}

/** A client asks for one thread more than `maxThreadsPerConnection`: it was answered with this code. */
export class TooManyThreadsError extends ThreadcastError {
  readonly code = 'TC_TOO_MANY_THREADS';
  readonly connectionId: string;
  readonly limit: number;

  constructor(facts: { connectionId: string; limit: number }) {
    super(`connection ${facts.connectionId} has reached the limit of ${facts.limit} threads`);
    this.connectionId = facts.connectionId;
    this.limit = facts.limit;
  }
}

/** A token stream that nothing can be appended to any more: it was ended, here or by a mark of another process. */
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
   * `cancelled`: a client asks for the end. `timeout`: nothing was appended for its time. `drain`, `closed`: the hub goes away.
   * `ended`: somebody else has logged its end. Anything else is the publisher's own word.
   */
  readonly reason: string;
  /** Who cancelled. */
  readonly userId: string | undefined;

  constructor(facts: { streamId: string; reason: string; userId?: string | undefined }) {
    super(`stream ${facts.streamId} is aborted: ${facts.reason}`);
    this.streamId = facts.streamId;
    this.reason = facts.reason;
    this.userId = facts.userId;
  }
}

/** More text than a token stream may have. What was appended before stays. */
export class StreamTooLongError extends ThreadcastError {
  readonly code = 'TC_STREAM_TOO_LONG';
  readonly streamId: string;
  /** With the text that was refused, in UTF-16 units. */
  readonly length: number;
  readonly limit: number;

  constructor(facts: { streamId: string; length: number; limit: number }) {
    super(`stream ${facts.streamId} of ${facts.length} units would be over the limit of ${facts.limit}`);
    this.streamId = facts.streamId;
    this.length = facts.length;
    this.limit = facts.limit;
  }
}

/** A token stream, or a message, with the id of a token stream that is under way in the thread. */
export class StreamExistsError extends ThreadcastError {
  readonly code = 'TC_STREAM_EXISTS';
  readonly threadId: string;
  readonly streamId: string;

  constructor(facts: { threadId: string; streamId: string }) {
    super(`thread ${facts.threadId} has a stream ${facts.streamId} under way, or a message with this id in its log`);
    this.threadId = facts.threadId;
    this.streamId = facts.streamId;
  }
}

/** As many token streams as `streams.maxPerThread` allows are under way in the thread. */
export class TooManyStreamsError extends ThreadcastError {
  readonly code = 'TC_TOO_MANY_STREAMS';
  readonly threadId: string;
  readonly streamId: string;
  readonly limit: number;

  constructor(facts: { threadId: string; streamId: string; limit: number }) {
    super(`${facts.limit} streams are under way in thread ${facts.threadId}: ${facts.streamId} is refused`);
    this.threadId = facts.threadId;
    this.streamId = facts.streamId;
    this.limit = facts.limit;
  }
}

/**
 * The log could not be asked in time, or too much waits for it already. Of an append it is not known whether it was done: a
 * second one with the same idempotency key appends at most once.
 */
export class LogUnavailableError extends ThreadcastError {
  readonly code = 'TC_LOG_UNAVAILABLE';
  readonly threadId: string | undefined;
  readonly reason: string;

  constructor(facts: { threadId?: string | undefined; reason: string; cause?: unknown }) {
    super(
      `log is unavailable${facts.threadId === undefined ? '' : ` for thread ${facts.threadId}`}: ${facts.reason}`,
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.threadId = facts.threadId;
    this.reason = facts.reason;
  }
}

/** Redis has what another version of threadcast has put there, with a layout that this one cannot share. */
export class LogLayoutError extends ThreadcastError {
  readonly code = 'TC_LOG_LAYOUT';
  /** The layout that Redis has. */
  readonly found: string;
  /** The layout of this version. */
  readonly expected: string;
  readonly prefix: string;

  constructor(facts: { found: string; expected: string; prefix: string }) {
    super(
      `Redis has layout ${facts.found} under the prefix ${JSON.stringify(facts.prefix)}, this version of threadcast has layout ${facts.expected}. ` +
        'Give its nodes another `prefix`, or stop all nodes of the other version and delete its keys: docs/scaling.md, "Versions"',
    );
    this.found = facts.found;
    this.expected = facts.expected;
    this.prefix = facts.prefix;
  }
}

/** A warning of the process: a Redis that is full throws threads away, with their positions and members. */
export class LogEvictionError extends ThreadcastError {
  readonly code = 'TC_LOG_EVICTION';
  /** Redis's `maxmemory-policy`. */
  readonly policy: string;

  constructor(facts: { policy: string }) {
    super(`Redis has maxmemory-policy ${facts.policy}: when it is full, it throws whole threads away; set noeviction`);
    this.policy = facts.policy;
  }
}

/** A position that is not `epoch.offset.id`. */
export class InvalidPositionError extends ThreadcastError {
  readonly code = 'TC_INVALID_POSITION';
  readonly position: string;

  constructor(position: unknown) {
    const shown = typeof position === 'string' ? position : `(${typeof position})`;
    super(`position ${JSON.stringify(shown.slice(0, 300))} is not epoch.offset.id`);
    this.position = shown;
  }
}

/** `history` from a position that the log does not know: what came after it cannot be told. */
export class PositionLostError extends ThreadcastError {
  readonly code = 'TC_POSITION_LOST';
  readonly threadId: string;
  readonly position: string;
  /** `epoch`: of another life of the log. `ahead`: the log has not come that far, so it has lost its end. */
  readonly why: 'epoch' | 'ahead';

  constructor(facts: { threadId: string; position: string; why: PositionLostError['why'] }) {
    super(`thread ${facts.threadId} does not know position ${facts.position}: ${facts.why}`);
    this.threadId = facts.threadId;
    this.position = facts.position;
    this.why = facts.why;
  }
}

/** What was thrown, as an Error: user code may throw anything. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(typeof thrown === 'string' ? thrown : describe(thrown));
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 160));
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}
