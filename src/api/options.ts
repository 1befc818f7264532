import type { Meter, Tracer } from '@opentelemetry/api';
import type { InspectionEvent, Observer } from 'xstate';
import type { DeliveryLog } from './log.ts';
import type { Clock } from './clock.ts';
import type { InputLimits } from './input-limits.ts';

/** Watches the machines: XState inspection events, as `createActor` takes them. */
export type Inspector = Observer<InspectionEvent> | ((event: InspectionEvent) => void);

/** What happens when a connection too many comes. */
export type WhenFull = 'reject' | 'evict-oldest';

/** Everything has a default. Times are in milliseconds, sizes in bytes. */
export interface HubOptions extends InputLimits {
  /** How long a peer may make no progress before that counts as one failure. @default 5000 */
  sendTimeoutMs?: number | undefined;
  /** The waits before the retries of one delivery. @default [1000, 2000, 4000] */
  retryDelaysMs?: readonly number[] | undefined;
  /** Consecutive failures that open a connection's breaker. @default 5 */
  breakerThreshold?: number | undefined;
  /** How long the breaker stays open before the one probe. @default 30000 */
  cooldownMs?: number | undefined;
  /** A connection that was silent for this long is pinged. @default 25000 */
  heartbeatMs?: number | undefined;
  /** How often the one sweep looks at all connections; a stall is found at most this much late. @default sendTimeoutMs / 5, at most 1000 */
  sweepMs?: number | undefined;
  /** Unsent bytes at which a socket is given no more; at least one fragment of 256 KiB. @default 524288 */
  highWaterMarkBytes?: number | undefined;
  /** How long fan-outs and catch-ups, all together, may hold the event loop at a time. @default 2 */
  sliceMs?: number | undefined;
  /** Largest message, in bytes of its JSON. @default 134217728 (128 MiB) */
  maxMessageBytes?: number | undefined;
  /**
   * How long `authorize`, `onPublish` and a stream's `mayCancel` may take: then the client is refused with `TC_ANSWER_TIMEOUT`, the hub
   * has an `error` event, and the client's next request about the thread has its turn. Found with the next sweep. @default 30000
   */
  answerTimeoutMs?: number | undefined;
  /** For connections that have negotiated permessage-deflate without context takeover on the server's side. */
  compression?: CompressionOptions | undefined;
  /** Connections at most; see `whenFull`. @default none */
  maxConnections?: number | undefined;
  /** Connections of one `userId` at most; see `whenFull`. @default none */
  maxConnectionsPerUser?: number | undefined;
  /**
   * What happens to a connection too many: `reject` closes it with 1013, `evict-oldest` closes the oldest one (of the user, where
   * that limit is reached) with 4409. Before a handshake of a user without a place is refused, the user's connections are pinged, and the
   * oldest one that does not answer within two seconds is closed with 4409: a line may have died unnoticed. @default 'reject'
   */
  whenFull?: WhenFull | undefined;
  /** Critical messages that a connection may be behind before it is evicted with 4408. @default 1000 */
  maxCriticalBehind?: number | undefined;
  /**
   * A connection that was in no thread and whose client said nothing for this long is closed with 4406. The library's own threads, by which
   * `hub.user().send` and `connection.send` come, do not count; an acknowledgement does. @default never
   */
  idleConnectionMs?: number | undefined;
  /** Sends of one thread under way above which `thread.ready()` waits. @default 64 */
  readyLimit?: number | undefined;
  /** A thread without members is closed after this time; its log stays as long as the log says. @default 60000 */
  threadIdleMs?: number | undefined;
  /** How long `receipt.settled()` waits for the slowest. @default 30000 */
  settleTimeoutMs?: number | undefined;
  /** Token streams. */
  streams?: StreamLimits | undefined;
  /** The serializer's limits. */
  serializer?: SerializerOptions | undefined;
  /**
   * Reports messages that are changed while they are being serialized, as `error` events with `TC_MESSAGE_CHANGED`. Each message
   * that takes more than one slice is then serialized twice, the first time in one go, which holds the event loop: not for
   * production. A `toJSON` is called twice, too; messages with `streamArray` or `streamObject` are not checked.
   *
   * Refuses messages with what JSON would lose in silence (a `Map`, a `Set`, a typed array, a promise that was not awaited), with
   * `TC_UNSERIALIZABLE_MESSAGE` and its path.
   * @default true where `NODE_ENV` is `development`
   */
  development?: boolean | undefined;
  /** Where messages are kept. @default memoryLog() */
  log?: DeliveryLog | undefined;
  /** Watches every machine of this hub; what it throws is reported as an `error` event. @default none */
  inspect?: Inspector | readonly Inspector[] | undefined;
  /** @default the tracer `threadcast` of the global OpenTelemetry API */
  tracer?: Tracer | undefined;
  /**
   * Several hubs of one process need a meter each: instruments of the same name would overwrite each other's numbers.
   * @default the meter `threadcast` of the global OpenTelemetry API, so start your SDK before the hub
   */
  meter?: Meter | undefined;
  /**
   * Spans that the deliveries of one traced message may have at most: as many for those that went well, for those that did not, and
   * for catch-ups after the fan-out. The totals are on the publish span in any case. @default 256
   */
  maxSendSpans?: number | undefined;
  /** Time. @default the system's monotonic clock */
  clock?: Clock | undefined;
  /** Makes message, stream and connection ids, each new, `^[\w.:-]{1,128}$`; another answer fails the call. @default random UUIDs */
  newId?: (() => string) | undefined;
}

export interface CompressionOptions {
  /** Messages below this many bytes are not compressed. @default 1024 */
  thresholdBytes?: number | undefined;
  /** zlib's level, 1 (fast) to 9 (small): a message is compressed once, off the event loop, for all connections. @default 4 */
  level?: number | undefined;
}

export interface SerializerOptions {
  /** Deadline of one serialization. @default 5000 */
  timeoutMs?: number | undefined;
  /** Serializations under way at most; more are refused with `TC_SERIALIZER_QUEUE_FULL`. @default 1000 */
  maxQueue?: number | undefined;
  /** Worker threads for recipes, started when the first one comes. @default min(4, cores) */
  workers?: number | undefined;
  /**
   * Heap of one worker in MiB, at least 16: a recipe that grows beyond it fails and the process goes on. One single huge
   * allocation can still end the process (nodejs/node#47224). @default Node's
   */
  workerHeapMb?: number | undefined;
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
