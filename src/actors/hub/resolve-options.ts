import { CLOCK_METHODS, systemClock } from '../../infra/time/clock.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { RecipePool } from '../../infra/serialization/workers/recipe-pool.ts';
import { deflateBody } from '../../infra/wire/deflate.ts';
import { FRAGMENT_BYTES } from '../../infra/wire/frames.ts';
import { checkId, randomId } from '../../infra/log/ids.ts';
import { memoryLog } from '../../infra/log/memory-log.ts';
import { checkOptions } from '../../infra/option-table.ts';
import { checkObservers } from '../../infra/telemetry/check-observers.ts';
import { HUB_OPTIONS } from './hub-option-table.ts';
import {
  checkChoice,
  checkMethods,
  checkCount,
  checkNumber,
  TIMER_RANGE,
  type Range,
} from '../../infra/option-checks.ts';
import { resolveValues } from '../values/resolve-values-options.ts';
import { resolveStreamLimits } from '../streams/resolve-stream-options.ts';
import { resolveInputLimits } from '../connection/resolve-input-limits.ts';
import { resolveNativeSender } from './resolve-native-sender.ts';
import type { HubSettings } from '../support/settings.ts';
import { ThreadDefinitions } from '../support/thread-definitions.ts';
import type { HubOptions } from '../../api/options.ts';

const LOG = ['append', 'readAfter', 'readBefore', 'position', 'subscribe', 'sweep', 'close'] as const;

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option, its value and its range */
export function resolveOptions(options: HubOptions): HubSettings {
  checkOptions<HubOptions>(options, HUB_OPTIONS);
  const sendTimeoutMs = checkNumber('sendTimeoutMs', options.sendTimeoutMs, 5_000, TIMER_RANGE);
  const clock = checkMethods('clock', options.clock, CLOCK_METHODS) ?? systemClock;
  const newId = checkedIds(options.newId ?? randomId);
  return {
    policy: {
      sendTimeoutMs,
      retryDelaysMs: checkDelays('retryDelaysMs', options.retryDelaysMs ?? [1_000, 2_000, 4_000]),
      breakerThreshold: checkCount('breakerThreshold', options.breakerThreshold, 5, { min: 1 }),
      cooldownMs: checkNumber('cooldownMs', options.cooldownMs, 30_000, TIMER_RANGE),
    },
    liveness: { sendTimeoutMs, heartbeatMs: checkNumber('heartbeatMs', options.heartbeatMs, 25_000, TIMER_RANGE) },
    sweepMs: checkNumber('sweepMs', options.sweepMs, Math.min(1_000, Math.max(1, sendTimeoutMs / 5)), TIMER_RANGE),
    highWaterMarkBytes: checkCount('highWaterMarkBytes', options.highWaterMarkBytes, 2 * FRAGMENT_BYTES, {
      min: FRAGMENT_BYTES,
    }),
    sliceMs: checkNumber('sliceMs', options.sliceMs, 2, { min: 0.1, max: 1_000 }),
    maxMessageBytes: checkCount('maxMessageBytes', options.maxMessageBytes, 128 * 1024 * 1024, { min: 1 }),
    input: resolveInputLimits(options),
    answerTimeoutMs: checkNumber('answerTimeoutMs', options.answerTimeoutMs, 30_000, TIMER_RANGE),
    compression: {
      thresholdBytes: checkCount('compression.thresholdBytes', options.compression?.thresholdBytes, 1_024, { min: 0 }),
      level: checkCount('compression.level', options.compression?.level, 4, { min: 1, max: 9 }),
    },
    maxConnections: checkCount('maxConnections', options.maxConnections, Infinity, { min: 1 }),
    maxConnectionsPerUser: checkCount('maxConnectionsPerUser', options.maxConnectionsPerUser, Infinity, { min: 1 }),
    whenFull: checkChoice('whenFull', options.whenFull, 'reject', ['reject', 'evict-oldest']),
    maxCriticalBehind: checkCount('maxCriticalBehind', options.maxCriticalBehind, 1_000, { min: 1 }),
    idleConnectionMs: checkNumber('idleConnectionMs', options.idleConnectionMs, Infinity, { min: 1 }),
    readyLimit: checkCount('readyLimit', options.readyLimit, 64, { min: 1 }),
    threadIdleMs: checkNumber('threadIdleMs', options.threadIdleMs, 60_000, TIMER_RANGE),
    settleTimeoutMs: checkNumber('settleTimeoutMs', options.settleTimeoutMs, 30_000, TIMER_RANGE),
    streams: resolveStreamLimits(options.streams),
    values: resolveValues(options.values),
    serializer: {
      timeoutMs: checkNumber('serializer.timeoutMs', options.serializer?.timeoutMs, 5_000, TIMER_RANGE),
      maxQueue: checkCount('serializer.maxQueue', options.serializer?.maxQueue, 1_000, { min: 1 }),
      workers: checkOptional('serializer.workers', options.serializer?.workers, { min: 1, max: 64 }),
      workerHeapMb: checkOptional('serializer.workerHeapMb', options.serializer?.workerHeapMb, { min: 16 }),
    },
    isDevelopment: options.development ?? process.env['NODE_ENV'] === 'development',
    definitions: new ThreadDefinitions(options.threads ?? []),
    nativeSender: resolveNativeSender(options.nativeSender),
    log: checkMethods('log', options.log, LOG) ?? memoryLog({ clock }),
    history: checkMethods('history', options.history, ['load']),
    ...checkObservers(options),
    maxSendSpans: checkCount('maxSendSpans', options.maxSendSpans, 256, { min: 0 }),
    openWorkers: (pool) => new RecipePool(pool),
    deflate: deflateBody,
    clock,
    newId,
  };
}

/** Checks generated ids: an invalid one would break a frame, a position or a resume much later. */
function checkedIds(newId: () => string): () => string {
  return () => checkId('newId()', newId());
}

function checkOptional(option: string, value: number | undefined, range: Range): number | undefined {
  return value === undefined ? undefined : checkCount(option, value, range.min, range);
}

function checkDelays(option: string, delays: readonly number[]): readonly number[] {
  if (!Array.isArray(delays)) throw new InvalidOptionError({ option, value: delays, expected: 'an array of numbers' });
  return delays.map((delay, i) => checkNumber(`${option}[${i}]`, delay, 0, { ...TIMER_RANGE, min: 0 }));
}
