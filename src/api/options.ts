import type { Meter, Tracer } from '@opentelemetry/api';
import type { InspectionEvent, Observer } from 'xstate';
import type { HistorySource } from './history.ts';
import type { DeliveryLog } from './log.ts';
import type { Clock } from './clock.ts';
import type { Codec, ThreadDefinition } from './definition.ts';
import type { InputLimits } from './input-limits.ts';
import type { ValueOptions } from './values.ts';

/** Observes the machines: XState inspection events, as `createActor` takes them. */
export type Inspector = Observer<InspectionEvent> | ((event: InspectionEvent) => void);

/** What happens to a connection beyond the limit. */
export type WhenFull = 'reject' | 'evict-oldest';

/** Everything has a default. Times are in milliseconds, sizes in bytes. */
export interface HubOptions<Definition extends ThreadDefinition = ThreadDefinition> extends InputLimits {
  /**
   * Definitions of threads, each with a pattern of its own: the hub checks what clients publish there by the definition's schema. If several
   * match an id, the longest pattern counts. A thread without a definition accepts everything. @default none
   */
  threads?: readonly Definition[] | undefined;
  /** How long a client may make no progress before that counts as one failure. @default 5000 */
  sendTimeoutMs?: number | undefined;
  /** The waits before the retries of one delivery. @default [1000, 2000, 4000] */
  retryDelaysMs?: readonly number[] | undefined;
  /** Consecutive failures that open a connection's breaker. @default 5 */
  breakerThreshold?: number | undefined;
  /** How long the breaker stays open before the one probe. @default 30000 */
  cooldownMs?: number | undefined;
  /** The hub pings a connection that was silent for this long. @default 25000 */
  heartbeatMs?: number | undefined;
  /** How often the one sweep looks at all connections; a stall is found at most this much late. @default sendTimeoutMs / 5, at most 1000 */
  sweepMs?: number | undefined;
  /** Unsent bytes at which the hub writes no more to a socket; at least one fragment of 256 KiB. @default 524288 */
  highWaterMarkBytes?: number | undefined;
  /** How long fan-outs and catch-ups, all together, may hold the event loop at a time. @default 2 */
  sliceMs?: number | undefined;
  /** Largest message, in bytes of its JSON. @default 134217728 (128 MiB) */
  maxMessageBytes?: number | undefined;
  /**
   * How long `authorize`, `onPublish`, an asynchronous schema and a stream's `mayCancel` may take. Then the hub refuses the client with `TC_ANSWER_TIMEOUT` and
   * emits an `error` event, and the client's next request about the thread has its turn. The next sweep finds it. @default 30000
   */
  answerTimeoutMs?: number | undefined;
  /** For connections that have negotiated permessage-deflate without context takeover on the server's side. */
  compression?: CompressionOptions | undefined;
  /** Maximum connections; see `whenFull`. @default none */
  maxConnections?: number | undefined;
  /** Maximum connections of one `userId`; see `whenFull`. @default none */
  maxConnectionsPerUser?: number | undefined;
  /**
   * What happens to a connection beyond the limit.
   *
   * - `reject` closes it with 1013.
   * - `evict-oldest` closes the oldest one (of the user, if that limit is reached) with 4409.
   *
   * Before the hub refuses a handshake of a user without a place, it pings the user's connections, and closes the oldest one that does not
   * answer within two seconds with 4409: a line may have died unnoticed. @default 'reject'
   */
  whenFull?: WhenFull | undefined;
  /** Critical messages that a connection may be behind before the hub evicts it with 4408. @default 1000 */
  maxCriticalBehind?: number | undefined;
  /**
   * The hub closes a connection with 4406 that was in no thread and whose client sent nothing for this long. The library's own threads,
   * which carry `hub.user().send` and `connection.send`, do not count; an acknowledgement does. @default never
   */
  idleConnectionMs?: number | undefined;
  /** Sends of one thread in progress above which `thread.ready()` waits. @default 64 */
  readyLimit?: number | undefined;
  /** A thread without members is closed after this time; its log stays as long as the log's limits allow. @default 60000 */
  threadIdleMs?: number | undefined;
  /** How long `receipt.settled()` waits for the slowest connection. @default 30000 */
  settleTimeoutMs?: number | undefined;
  /** Token streams. */
  streams?: StreamLimits | undefined;
  /** Limits of the keyed values of threads (`thread.values`). */
  values?: ValueOptions | undefined;
  /** The serializer's limits. */
  serializer?: SerializerOptions | undefined;
  /**
   * Reports messages that are changed while they are being serialized, as `error` events with `TC_MESSAGE_CHANGED`. Each message that takes
   * more than one slice is then serialized twice, the first time in one go, which blocks the event loop: not for production. A `toJSON` is
   * called twice, too. Messages with `streamArray` or `streamObject` are not checked.
   *
   * Also refuses messages of which JSON would silently lose something (a `Map`, a `Set`, a typed array, a promise that was not awaited),
   * with `TC_UNSERIALIZABLE_MESSAGE` and the path. Checks messages of `send` by the definition of their thread (`TC_INVALID_MESSAGE`).
   * @default true if `NODE_ENV` is `development`
   */
  development?: boolean | undefined;
  /**
   * A thread of the optional package `threadcast-native` sends the frames that many connections get, if the package is installed and can be
   * loaded; see `hub.stats().sender`. With `false` the event loop sends everything. All hubs of a realm share the threads.
   * @default true
   */
  nativeSender?: boolean | NativeSenderOptions | undefined;
  /** The log that keeps the messages. @default memoryLog() */
  log?: DeliveryLog | undefined;
  /** Reads messages from the application's database where the log ends, for `thread.history` and `thread.loadOlder`. @default none */
  history?: HistorySource | undefined;
  /** Observes every machine of this hub; an error that it throws becomes an `error` event. @default none */
  inspect?: Inspector | readonly Inspector[] | undefined;
  /** @default the tracer `threadcast` of the global OpenTelemetry API */
  tracer?: Tracer | undefined;
  /**
   * Give each of several hubs in one process its own meter: instruments of the same name would overwrite each other's numbers.
   * @default the meter `threadcast` of the global OpenTelemetry API, so start your SDK before the hub
   */
  meter?: Meter | undefined;
  /**
   * Maximum spans for the deliveries of one traced message: as many for successful ones, for failed ones, and for catch-ups after the
   * fan-out. The totals are always on the publish span. @default 256
   */
  maxSendSpans?: number | undefined;
  /** The clock. @default the system's monotonic clock */
  clock?: Clock | undefined;
  /**
   * Makes message, stream and connection ids. Each must be new and match `^[\w.:-]{1,128}$`; another answer fails the call. @default 128
   * random bits, base64url
   */
  newId?: (() => string) | undefined;
}

export interface NativeSenderOptions {
  /** Threads that send, 1 or 2. A second one helps if the first is always busy and a core is free. @default 1 */
  threads?: number | undefined;
}

export interface CompressionOptions {
  /** Messages below this many bytes are not compressed. @default 1024 */
  thresholdBytes?: number | undefined;
  /** zlib's level, 1 (fast) to 9 (small). A message is compressed once, off the event loop, for all connections. @default 4 */
  level?: number | undefined;
}

export interface SerializerOptions {
  /** Deadline of one serialization. @default 5000 */
  timeoutMs?: number | undefined;
  /** Maximum serializations in progress; more are refused with `TC_SERIALIZER_QUEUE_FULL`. @default 1000 */
  maxQueue?: number | undefined;
  /** Worker threads for recipes, started with the first recipe. @default min(4, cores) */
  workers?: number | undefined;
  /**
   * Heap of one worker in MiB, at least 16. A recipe that grows beyond it fails, and usually the process continues. It is no wall: a worker
   * that runs out of memory can end the whole process, nearly always with one huge allocation, now and then with many small ones
   * (nodejs/node#47224). Buffers are not counted. @default Node's
   */
  workerHeapMb?: number | undefined;
}

/** Limits of the token streams. Times are in milliseconds. */
export interface StreamLimits {
  /** Text appended within this time is sent together, in one frame for all connections. @default 40 */
  windowMs?: number | undefined;
  /** A stream is aborted after this time without an append. @default 60000 */
  timeoutMs?: number | undefined;
  /** Maximum streams in progress in one thread; more are refused with `TC_TOO_MANY_STREAMS`. @default 32 */
  maxPerThread?: number | undefined;
  /** Maximum UTF-16 units of one stream; more are refused with `TC_STREAM_TOO_LONG`. @default 1048576 */
  maxLength?: number | undefined;
  /** Maximum bytes of the chunks of one stream, as its codec counts them; likewise. @default 16777216 (16 MiB) */
  maxBytes?: number | undefined;
  /** Maximum chunks of one stream; likewise. @default 1000000 */
  maxChunks?: number | undefined;
  /**
   * Codecs of streams that other processes publish, so that this one can follow them. Those of `threads`, and of streams that this process
   * has begun, are known as well. @default none
   */
  codecs?: readonly Codec[] | undefined;
}
