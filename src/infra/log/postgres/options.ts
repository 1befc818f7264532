import { CLOCK_METHODS, systemClock } from '../../time/clock.ts';
import { randomEpoch } from '../ids.ts';
import { retentionTable, type Retention, type RetentionRules } from '../retention.ts';
import { checkFunction, checkMethods, checkCount, checkNumber, TIMER_RANGE } from '../../option-checks.ts';
import { checkOptions, type OptionTable } from '../../option-table.ts';
import type { Clock } from '../../../api/clock.ts';
import type { PendingSettings } from '../shared/pending-appends.ts';
import type { TailSettings } from '../shared/tail-host.ts';
import { checkSchema } from './schema-name.ts';

/** Everything has a default. Times are in milliseconds, sizes in bytes. */
export interface PostgresLogOptions {
  /** `postgres://user:password@host:port/database`. @default what the package `pg` reads from `PGHOST`, `PGUSER` and so on */
  url?: string | undefined;
  /**
   * Where the connection that listens leads, past a pooler in transaction mode to the same database: through such a pooler no notice arrives.
   * @default url
   */
  listenUrl?: string | undefined;
  /** For `Client` and `Pool` of the package `pg`: `ssl`, `user`, `password` (also a function) and so on. @default {} */
  client?: object | undefined;
  /** The schema with the tables, which `postgresSchema` describes. Systems that share a database need different ones. @default 'threadcast' */
  schema?: string | undefined;
  /** Connections of this process besides the one that listens. @default 6 */
  poolSize?: number | undefined;
  /**
   * Gives statements a name, so that each connection parses and plans them once: reads cost the server a third or less. Not behind a pooler in
   * transaction mode, unless it passes prepared statements on.
   * @default false
   */
  preparedStatements?: boolean | undefined;
  /** Maximum entries that the table keeps of a thread. @default Infinity */
  maxEntries?: number | undefined;
  /** How long the table keeps entries. @default Infinity */
  maxAgeMs?: number | undefined;
  /** Other limits for some threads: `{ 'room:*': { maxEntries, maxAgeMs } }`. The longest pattern counts. All nodes need the same. @default {} */
  retention?: RetentionRules | undefined;
  /**
   * Newest entries of an open thread that a node holds in memory. Clients resume from them; further back they get a `gap`, and the table
   * answers `history`.
   * @default 1000
   */
  maxHeldEntries?: number | undefined;
  /** Bytes of a thread that a node holds in memory; the newest entry is held whatever its size. @default 64 MiB */
  maxBytes?: number | undefined;
  /** Bytes of all threads together that one node holds in memory. Beyond it, threads drop the older half of their entries here. @default 1 GiB */
  maxTotalBytes?: number | undefined;
  /** Minimum time that an idempotency key is known after the table gave up its entry. @default 300000 (five minutes) */
  idempotencyMs?: number | undefined;
  /** How often a node compares the threads that it holds with the table: a notice may be lost. @default 1000 */
  pollMs?: number | undefined;
  /** How long a send, or a join, may wait for Postgres. @default 5000 */
  timeoutMs?: number | undefined;
  /** How long one statement may take, on the server and on the way; then its connection is given up. @default 2000 */
  commandTimeoutMs?: number | undefined;
  /** Sends that may wait for Postgres; the log refuses more at once. @default 10000 */
  maxPending?: number | undefined;
  /** Bytes of sends that may wait for Postgres. @default 64 MiB */
  maxPendingBytes?: number | undefined;
  /** The clock for ages, time limits and retries: that of the hub, if it has its own. @default the system's monotonic clock */
  clock?: Clock | undefined;
  /** Milliseconds for the ages of entries, the same on all nodes. @default the server's own time */
  now?: (() => number) | undefined;
  /** Uniform in [0, 1), for the jitter of reconnects. @default Math.random */
  random?: (() => number) | undefined;
}

export interface PostgresLogSettings extends TailSettings, PendingSettings {
  /** For `Client` and `Pool`. */
  readonly connection: object;
  /** For the `Client` that listens. */
  readonly listening: object;
  readonly schema: string;
  readonly poolSize: number;
  /** Statements have names. */
  readonly isPrepared: boolean;
  /** What the table keeps of a thread; `retentionOf` is what a node holds of it. */
  readonly historyOf: (threadId: string) => Retention;
  /** Some thread does not keep everything. */
  readonly isTrimmed: boolean;
  readonly idempotencyMs: number;
  readonly pollMs: number;
  readonly commandTimeoutMs: number;
  readonly random: () => number;
  /** The time for a statement, or null for the server's own. */
  readonly now: () => number | null;
}

const POSTGRES_LOG_OPTIONS: OptionTable<PostgresLogOptions> = {
  url: 'text',
  listenUrl: 'text',
  client: 'object',
  schema: 'text',
  poolSize: 'number',
  preparedStatements: 'boolean',
  maxEntries: 'number',
  maxAgeMs: 'number',
  retention: 'object',
  maxHeldEntries: 'number',
  maxBytes: 'number',
  maxTotalBytes: 'number',
  idempotencyMs: 'number',
  pollMs: 'number',
  timeoutMs: 'number',
  commandTimeoutMs: 'number',
  maxPending: 'number',
  maxPendingBytes: 'number',
  clock: 'any',
  now: 'function',
  random: 'function',
};

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option and its range */
export function resolvePostgresLog(options: PostgresLogOptions): PostgresLogSettings {
  checkOptions<PostgresLogOptions>(options, POSTGRES_LOG_OPTIONS, 'log');
  const now = checkFunction('log.now', options.now);
  const maxBytes = checkCount('log.maxBytes', options.maxBytes, 64 * 1024 * 1024, { min: 1 });
  const maxEntries = checkCount('log.maxEntries', options.maxEntries, Infinity, { min: 1 });
  const maxAgeMs = checkNumber('log.maxAgeMs', options.maxAgeMs, Infinity, { min: 1 });
  const maxHeld = checkCount('log.maxHeldEntries', options.maxHeldEntries, 1_000, { min: 1, max: 10_000_000 });
  const historyOf = retentionTable({ maxEntries, maxBytes, maxAgeMs }, options.retention);
  const commandTimeoutMs = checkNumber('log.commandTimeoutMs', options.commandTimeoutMs, 2_000, TIMER_RANGE);
  const connectionTo = (url: string | undefined): object => ({
    ...options.client,
    ...(url === undefined ? {} : { connectionString: url }),
    application_name: 'threadcast',
    connectionTimeoutMillis: commandTimeoutMs,
    query_timeout: commandTimeoutMs,
    statement_timeout: commandTimeoutMs,
    keepAlive: true,
    // sooner than networks forget a silent connection
    keepAliveInitialDelayMillis: 60_000,
  });
  return {
    connection: connectionTo(options.url),
    listening: connectionTo(options.listenUrl ?? options.url),
    schema: checkSchema(options.schema ?? 'threadcast'),
    poolSize: checkCount('log.poolSize', options.poolSize, 6, { min: 2, max: 1_000 }),
    isPrepared: options.preparedStatements === true,
    nodeId: randomEpoch(),
    keeper: 'Postgres',
    historyOf,
    retentionOf: heldOf(historyOf, maxHeld),
    isTrimmed: maxEntries < Infinity || maxAgeMs < Infinity || Object.keys(options.retention ?? {}).length > 0,
    maxTotalBytes: checkCount('log.maxTotalBytes', options.maxTotalBytes, 1024 ** 3, { min: 1 }),
    ledger: { bytes: 0 },
    idempotencyMs: checkNumber('log.idempotencyMs', options.idempotencyMs, 300_000, { min: 1_000 }),
    pollMs: checkNumber('log.pollMs', options.pollMs, 1_000, TIMER_RANGE),
    appendTimeoutMs: checkNumber('log.timeoutMs', options.timeoutMs, 5_000, TIMER_RANGE),
    commandTimeoutMs,
    maxPending: checkCount('log.maxPending', options.maxPending, 10_000, { min: 1 }),
    maxPendingBytes: checkCount('log.maxPendingBytes', options.maxPendingBytes, 64 * 1024 * 1024, { min: 1 }),
    clock: checkMethods('log.clock', options.clock, CLOCK_METHODS) ?? systemClock,
    random: checkFunction('log.random', options.random) ?? Math.random,
    now: now === undefined ? () => null : () => Math.round(now()),
  };
}

/** The same object for all threads of one rule. */
function heldOf(historyOf: (threadId: string) => Retention, maxHeld: number): (threadId: string) => Retention {
  const held = new Map<Retention, Retention>();
  return (threadId) => {
    const history = historyOf(threadId);
    let own = held.get(history);
    if (own === undefined) held.set(history, (own = { ...history, maxEntries: Math.min(history.maxEntries, maxHeld) }));
    return own;
  };
}
