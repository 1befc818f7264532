import type { RedisClientOptions, RedisClusterOptions } from 'redis';
import { CLOCK_METHODS, systemClock } from '../../time/clock.ts';
import { checkedEpochs, randomEpoch } from '../ids.ts';
import { retentionTable, type Retention, type RetentionRules } from '../retention.ts';
import { checkChoice, checkFunction, checkMethods, checkCount, checkNumber, TIMER_RANGE } from '../../option-checks.ts';
import { checkOptions, type OptionTable } from '../../option-table.ts';
import { InvalidOptionError } from '../../errors.ts';
import { layoutKeys, PIECE_BYTES, type LayoutKeys } from './layout.ts';
import type { TailSettings } from '../shared/tail-host.ts';
import type { Clock } from '../../../api/clock.ts';

/** What happens to a send while Redis is unreachable; see `RedisLogOptions.whenUnavailable`. */
export type WhenUnavailable = 'reject' | 'deliver-locally';

/** Everything has a default. Times are in milliseconds, sizes in bytes. */
export interface RedisLogOptions {
  /** `redis[s]://[[username][:password]@][host][:port][/db-number]`. @default 'redis://127.0.0.1:6379' */
  url?: string | undefined;
  /** For `createClient` of the `redis` package: TLS, credentials, database. The log does the reconnecting itself. @default {} */
  client?: RedisClientOptions | undefined;
  /** For `createCluster` of the `redis` package, instead of `url` and `client`. @default no cluster */
  cluster?: RedisClusterOptions | undefined;
  /**
   * Precedes all keys and channels, as in `prefix:v2:{thread}:log`. Systems that share a Redis need different prefixes, even if they use
   * different databases of it: channels belong to no database. @default 'tc'
   */
  prefix?: string | undefined;
  /** Maximum entries kept for a thread. @default 1000 */
  maxEntries?: number | undefined;
  /** How long entries are kept. @default 3600000 (one hour) */
  maxAgeMs?: number | undefined;
  /** Other limits for some threads: `{ 'room:*': { maxEntries, maxAgeMs } }`. The longest pattern counts. All nodes need the same. @default {} */
  retention?: RetentionRules | undefined;
  /** Maximum bytes kept for a thread, in Redis and in each node's memory; the newest entry is kept whatever its size. @default 64 MiB */
  maxBytes?: number | undefined;
  /**
   * Bytes of all threads together that one node holds in memory. The node checks once a second, and when it reads older entries. Beyond the
   * limit, threads drop the older half of their entries here. A join reads them from Redis again, and a member that is that far behind gets
   * a `gap`.
   * @default 1 GiB
   */
  maxTotalBytes?: number | undefined;
  /** Minimum time that an idempotency key is known. @default 300000 (five minutes) */
  idempotencyMs?: number | undefined;
  /**
   * How long an unused thread's epoch and offset are remembered; at least an hour more than twice the other two. @default 604800000 (a
   * week)
   */
  positionsMs?: number | undefined;
  /** A larger message is not published with its notice: each node reads it from the log. At most the default. @default 65536 */
  inlineBytes?: number | undefined;
  /** How long a send, or a join, may wait for Redis. While pieces of a large message are transferred, it is not waiting. @default 5000 */
  timeoutMs?: number | undefined;
  /**
   * If a command gets no answer for this long, the connections are given up. Large messages travel in pieces of 64 KiB, so it need not grow
   * with logged messages. The default is enough for lines of 64 KiB a second and more. A volatile message is one command, whatever its size
   * up to 1 MiB: a line that needs longer than this for it loses its connections.
   * @default 2000
   */
  commandTimeoutMs?: number | undefined;
  /** Sends that may wait for Redis; the log refuses more at once. @default 10000 */
  maxPending?: number | undefined;
  /** Bytes of sends that may wait for Redis. @default 64 MiB */
  maxPendingBytes?: number | undefined;
  /**
   * What happens to a send that Redis did not accept in time.
   *
   * - `reject`: it fails with `TC_LOG_UNAVAILABLE`.
   * - `deliver-locally`: the members on this node get it as a volatile message, without an offset. If Redis has accepted it after all, they
   * get it again from the log, with the same id.
   *
   * @default 'reject'
   */
  whenUnavailable?: WhenUnavailable | undefined;
  /** The clock for ages, time limits and retries: that of the hub, if it has its own. @default the system's monotonic clock */
  clock?: Clock | undefined;
  /** Milliseconds for the ages of entries, the same on all nodes. @default Redis's own time */
  now?: (() => number) | undefined;
  /** Uniform in [0, 1), for the jitter of reconnects. @default Math.random */
  random?: (() => number) | undefined;
  /** Names each new epoch of a thread's log, `^[\w-]{1,64}$`; never the same twice, on all nodes. @default 48 random bits */
  newEpoch?: (() => string) | undefined;
}

export interface RedisLogSettings extends TailSettings {
  readonly client: RedisClientOptions;
  readonly cluster: RedisClusterOptions | undefined;
  readonly keys: LayoutKeys;
  readonly idempotencyMs: number;
  /**
   * The limits for the scripts: entries, bytes, ms that entries are kept, ms that an id is known, ms that a quiet log is kept. The same
   * array for all threads of one rule.
   */
  readonly limitsOf: (threadId: string) => readonly string[];
  /** The longest that any quiet log is kept. */
  readonly lifeMs: number;
  /** An upload that rests for this long belongs to a node that is gone. */
  readonly stagedMs: number;
  readonly positionsMs: number;
  readonly inlineBytes: number;
  readonly appendTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly maxPending: number;
  readonly maxPendingBytes: number;
  readonly isDeliveredLocally: boolean;
  readonly random: () => number;
  /** The time for a script: a number, or empty for Redis's own. */
  readonly redisNow: () => string;
  readonly newEpoch: () => string;
}

/** A log lives longer than its entries, so that rounds over very many threads come in time to keep the held ones. */
const QUIET_MS = 1_800_000;
const STAGED_MS = 60_000;
/** A whole number of milliseconds, as Redis requires. */
const whole = (value: number): string => String(Math.round(Math.min(value, Number.MAX_SAFE_INTEGER)));
const REDIS_LOG_OPTIONS: OptionTable<RedisLogOptions> = {
  url: 'text',
  client: 'object',
  cluster: 'object',
  prefix: 'text',
  maxEntries: 'number',
  maxAgeMs: 'number',
  maxBytes: 'number',
  retention: 'object',
  maxTotalBytes: 'number',
  idempotencyMs: 'number',
  positionsMs: 'number',
  inlineBytes: 'number',
  timeoutMs: 'number',
  commandTimeoutMs: 'number',
  maxPending: 'number',
  maxPendingBytes: 'number',
  whenUnavailable: 'text',
  clock: 'any',
  now: 'function',
  random: 'function',
  newEpoch: 'function',
};

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option and its range */
export function resolveRedisLog(options: RedisLogOptions): RedisLogSettings {
  checkOptions<RedisLogOptions>(options, REDIS_LOG_OPTIONS, 'log');
  const now = checkFunction('log.now', options.now);
  const prefix = checkPrefix(options.prefix ?? 'tc');
  const nodeId = randomEpoch();
  const maxAgeMs = checkNumber('log.maxAgeMs', options.maxAgeMs, 3_600_000, { min: 1 });
  const idempotencyMs = checkNumber('log.idempotencyMs', options.idempotencyMs, 300_000, { min: 1_000 });
  const positionsMs = checkNumber('log.positionsMs', options.positionsMs, 604_800_000, { min: 1 });
  const maxEntries = checkCount('log.maxEntries', options.maxEntries, 1_000, { min: 1, max: 10_000_000 });
  const maxBytes = checkCount('log.maxBytes', options.maxBytes, 64 * 1024 * 1024, { min: 1 });
  const appendTimeoutMs = checkNumber('log.timeoutMs', options.timeoutMs, 5_000, TIMER_RANGE);
  const retentionOf = retentionTable({ maxEntries, maxBytes, maxAgeMs }, options.retention);
  const limitsByRetention = new Map<Retention, readonly string[]>();
  const lifeOf = (ageMs: number): number => Math.max(ageMs, idempotencyMs) + QUIET_MS;
  const ages = Object.values(options.retention ?? {}).map((rule) => rule.maxAgeMs ?? maxAgeMs);
  const lifeMs = lifeOf(Math.max(maxAgeMs, ...ages));
  if (options.cluster !== undefined && (options.url !== undefined || options.client !== undefined)) {
    throw new InvalidOptionError({
      option: 'log.cluster',
      value: options.cluster,
      expected: 'no url and client beside',
    });
  }
  return {
    client: { ...options.client, ...(options.url === undefined ? {} : { url: options.url }) },
    cluster: options.cluster,
    keys: layoutKeys(prefix),
    nodeId,
    retentionOf,
    maxTotalBytes: checkCount('log.maxTotalBytes', options.maxTotalBytes, 1024 ** 3, { min: 1 }),
    ledger: { bytes: 0 },
    keeper: 'Redis',
    idempotencyMs,
    limitsOf: (threadId) => {
      const kept = retentionOf(threadId);
      let limits = limitsByRetention.get(kept);
      if (limits === undefined) {
        limits = [kept.maxEntries, kept.maxBytes, kept.maxAgeMs, idempotencyMs, lifeOf(kept.maxAgeMs)].map(whole);
        limitsByRetention.set(kept, limits);
      }
      return limits;
    },
    lifeMs,
    stagedMs: Math.max(STAGED_MS, 2 * appendTimeoutMs),
    // a position must not outlive its epoch while there are entries
    positionsMs: Math.max(positionsMs, 2 * lifeMs),
    inlineBytes: checkCount('log.inlineBytes', options.inlineBytes, PIECE_BYTES, { min: 0, max: PIECE_BYTES }),
    appendTimeoutMs,
    commandTimeoutMs: checkNumber('log.commandTimeoutMs', options.commandTimeoutMs, 2_000, TIMER_RANGE),
    maxPending: checkCount('log.maxPending', options.maxPending, 10_000, { min: 1 }),
    maxPendingBytes: checkCount('log.maxPendingBytes', options.maxPendingBytes, 64 * 1024 * 1024, { min: 1 }),
    isDeliveredLocally:
      checkChoice('log.whenUnavailable', options.whenUnavailable, 'reject', ['reject', 'deliver-locally']) ===
      'deliver-locally',
    clock: checkMethods('log.clock', options.clock, CLOCK_METHODS) ?? systemClock,
    random: checkFunction('log.random', options.random) ?? Math.random,
    redisNow: now === undefined ? () => '' : () => String(Math.round(now())),
    newEpoch: checkedEpochs(options.newEpoch ?? randomEpoch),
  };
}

function checkPrefix(prefix: string): string {
  if (/^[^{}\s]{1,100}$/.test(prefix)) return prefix;
  throw new InvalidOptionError({
    option: 'log.prefix',
    value: prefix,
    expected: '1 to 100 characters, no braces, no spaces',
  });
}
