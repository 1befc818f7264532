import type { InspectionEvent, Observer } from 'xstate';
import { CLOCK_METHODS, systemClock, type Clock } from '../../infra/time/clock.ts';
import type { DeliveryLog } from '../../infra/log/delivery-log.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { FRAGMENT_BYTES } from '../../infra/wire/frames.ts';
import { randomId } from '../../infra/log/ids.ts';
import { memoryLog } from '../../infra/log/memory-log.ts';
import {
  checkChoice,
  checkFunction,
  checkMethods,
  checkNumber,
  type Filled,
  type Range,
} from '../../infra/option-checks.ts';
import type { Meter } from '../../infra/telemetry/metrics.ts';
import type { Tracer } from '../../infra/telemetry/spans.ts';
import type { ConnectionPolicy } from '../../machines/index.ts';
import { resolveStreamLimits, type StreamLimits } from '../streams/resolve-stream-options.ts';
import type { LivenessPolicy } from '../connection/liveness.ts';

/** Watches the machines: XState inspection events, as `createActor` takes them. */
export type Inspector = Observer<InspectionEvent> | ((event: InspectionEvent) => void);

/** What happens when a connection too many comes. */
export type WhenFull = 'reject' | 'evict-oldest';

/** Everything has a default. Times are in milliseconds, sizes in bytes. */
export interface HubOptions {
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
  /** Largest frame that a client may send. @default 1048576 */
  maxInputBytes?: number | undefined;
  /**
   * Frames that one client may send in a second, for a moment five times as many; beyond it, it is closed with 4429. `Infinity`
   * for no limit. @default 1000
   */
  maxInputPerSecond?: number | undefined;
  /**
   * How long `authorize`, `onPublish` and a stream's `mayCancel` may take: then the client is refused with `TC_ANSWER_TIMEOUT`, the hub
   * has an `error` event, and the client's next request has its turn. Found with the next sweep. @default 30000
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
   * that limit is reached) with 4409. @default 'reject'
   */
  whenFull?: WhenFull | undefined;
  /** Critical messages that a connection may be behind before it is evicted with 4408. @default 1000 */
  maxCriticalBehind?: number | undefined;
  /** A connection that was in no thread and whose client said nothing for this long is closed with 4406. @default never */
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
  /** Makes message and connection ids, of `[\w.:-]`. @default random UUIDs */
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

/** The options with every default filled in. */
export interface HubSettings {
  readonly policy: ConnectionPolicy;
  readonly vitals: LivenessPolicy;
  readonly sweepMs: number;
  readonly highWaterMarkBytes: number;
  readonly sliceMs: number;
  readonly maxMessageBytes: number;
  readonly maxInputBytes: number;
  readonly maxInputPerSecond: number;
  readonly answerTimeoutMs: number;
  readonly compression: Filled<CompressionOptions>;
  readonly maxConnections: number;
  readonly maxConnectionsPerUser: number;
  readonly whenFull: WhenFull;
  readonly maxCriticalBehind: number;
  readonly idleConnectionMs: number;
  readonly readyLimit: number;
  readonly threadIdleMs: number;
  readonly settleTimeoutMs: number;
  readonly streams: Filled<StreamLimits>;
  readonly serializer: {
    readonly timeoutMs: number;
    readonly maxQueue: number;
    readonly workers: number | undefined;
    readonly workerHeapMb: number | undefined;
  };
  readonly isDevelopment: boolean;
  readonly log: DeliveryLog;
  readonly inspectors: readonly Inspector[];
  readonly tracer: Tracer | undefined;
  readonly meter: Meter | undefined;
  readonly maxSendSpans: number;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** `setTimeout` fires at once for 2^31 ms or more. */
const LONGEST_TIMER = 2 ** 31 - 1;

const METER = [
  'createHistogram',
  'createObservableCounter',
  'createObservableUpDownCounter',
  'createObservableGauge',
  'addBatchObservableCallback',
] as const;
const LOG = ['append', 'readAfter', 'position', 'subscribe', 'sweep', 'close'] as const;

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option, its value and its range */
export function resolveOptions(options: HubOptions): HubSettings {
  const timer = { min: 1, max: LONGEST_TIMER };
  const sendTimeoutMs = checkNumber('sendTimeoutMs', options.sendTimeoutMs, 5_000, timer);
  const clock = checkMethods('clock', options.clock, CLOCK_METHODS) ?? systemClock;
  const newId = checkFunction('newId', options.newId) ?? randomId;
  return {
    policy: {
      sendTimeoutMs,
      retryDelaysMs: checkDelays('retryDelaysMs', options.retryDelaysMs ?? [1_000, 2_000, 4_000]),
      breakerThreshold: checkNumber('breakerThreshold', options.breakerThreshold, 5, { min: 1 }),
      cooldownMs: checkNumber('cooldownMs', options.cooldownMs, 30_000, timer),
    },
    vitals: { sendTimeoutMs, heartbeatMs: checkNumber('heartbeatMs', options.heartbeatMs, 25_000, timer) },
    sweepMs: checkNumber('sweepMs', options.sweepMs, Math.min(1_000, Math.max(1, sendTimeoutMs / 5)), timer),
    highWaterMarkBytes: checkNumber('highWaterMarkBytes', options.highWaterMarkBytes, 2 * FRAGMENT_BYTES, {
      min: FRAGMENT_BYTES,
    }),
    sliceMs: checkNumber('sliceMs', options.sliceMs, 2, { min: 0.1, max: 1_000 }),
    maxMessageBytes: checkNumber('maxMessageBytes', options.maxMessageBytes, 128 * 1024 * 1024, { min: 1 }),
    maxInputBytes: checkNumber('maxInputBytes', options.maxInputBytes, 1024 * 1024, { min: 1 }),
    maxInputPerSecond: checkNumber('maxInputPerSecond', options.maxInputPerSecond, 1_000, { min: 1 }),
    answerTimeoutMs: checkNumber('answerTimeoutMs', options.answerTimeoutMs, 30_000, timer),
    compression: {
      thresholdBytes: checkNumber('compression.thresholdBytes', options.compression?.thresholdBytes, 1_024, { min: 0 }),
      level: checkNumber('compression.level', options.compression?.level, 4, { min: 1, max: 9 }),
    },
    maxConnections: checkNumber('maxConnections', options.maxConnections, Infinity, { min: 1 }),
    maxConnectionsPerUser: checkNumber('maxConnectionsPerUser', options.maxConnectionsPerUser, Infinity, { min: 1 }),
    whenFull: checkChoice('whenFull', options.whenFull, 'reject', ['reject', 'evict-oldest']),
    maxCriticalBehind: checkNumber('maxCriticalBehind', options.maxCriticalBehind, 1_000, { min: 1 }),
    idleConnectionMs: checkNumber('idleConnectionMs', options.idleConnectionMs, Infinity, { min: 1 }),
    readyLimit: checkNumber('readyLimit', options.readyLimit, 64, { min: 1 }),
    threadIdleMs: checkNumber('threadIdleMs', options.threadIdleMs, 60_000, timer),
    settleTimeoutMs: checkNumber('settleTimeoutMs', options.settleTimeoutMs, 30_000, timer),
    streams: resolveStreamLimits(options.streams),
    serializer: {
      timeoutMs: checkNumber('serializer.timeoutMs', options.serializer?.timeoutMs, 5_000, timer),
      maxQueue: checkNumber('serializer.maxQueue', options.serializer?.maxQueue, 1_000, { min: 1 }),
      workers: checkOptional('serializer.workers', options.serializer?.workers, { min: 1, max: 64 }),
      workerHeapMb: checkOptional('serializer.workerHeapMb', options.serializer?.workerHeapMb, { min: 16 }),
    },
    isDevelopment: options.development ?? process.env['NODE_ENV'] === 'development',
    log: checkMethods('log', options.log, LOG) ?? memoryLog({ clock, newId }),
    inspectors: checkInspectors(options.inspect),
    tracer: checkMethods('tracer', options.tracer, ['startSpan']),
    meter: checkMethods('meter', options.meter, METER),
    maxSendSpans: checkNumber('maxSendSpans', options.maxSendSpans, 256, { min: 0 }),
    clock,
    newId,
  };
}

function checkOptional(option: string, value: number | undefined, range: Range): number | undefined {
  return value === undefined ? undefined : checkNumber(option, value, range.min, range);
}

function checkInspectors(inspect: HubOptions['inspect']): readonly Inspector[] {
  const inspectors: readonly Inspector[] = inspect === undefined ? [] : [inspect].flat();
  for (const value of inspectors) {
    if (typeof value === 'function' || (typeof value === 'object' && value !== null)) continue;
    throw new InvalidOptionError({
      option: 'inspect',
      value,
      expected: 'a function or an observer, or an array of them',
    });
  }
  return inspectors;
}

function checkDelays(option: string, delays: readonly number[]): readonly number[] {
  if (!Array.isArray(delays)) throw new InvalidOptionError({ option, value: delays, expected: 'an array of numbers' });
  return delays.map((delay, i) => checkNumber(`${option}[${i}]`, delay, 0, { min: 0, max: LONGEST_TIMER }));
}
