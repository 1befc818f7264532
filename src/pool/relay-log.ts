import type { Clock } from '../api/clock.ts';
import type { DeliveryLog } from '../api/log.ts';
import { ClientClosedError, type ConnectionRefusedError } from '../client/errors.ts';
import { InvalidOptionError, LogUnavailableError } from '../infra/errors.ts';
import { randomEpoch } from '../infra/log/ids.ts';
import type { RelayFrame } from '../infra/log/relay/frames.ts';
import { RelayLog } from '../infra/log/relay/relay-log.ts';
import type { RelayListener, RelaySession } from '../infra/log/relay/session.ts';
import { retentionTable, type Retention, type RetentionRules } from '../infra/log/retention.ts';
import { checkCount, checkMethods, checkNumber, TIMER_RANGE, type Optional } from '../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../infra/option-table.ts';
import { CLOCK_METHODS, systemClock } from '../infra/time/clock.ts';
import type { Pool } from './api.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { MakeLine } from './line.ts';
import { Places } from './places.ts';
import type { ConnectionHost, PooledConnection } from './pooled-connection.ts';
import { RelayLine } from './relay-line.ts';

/** Options of `relayLog`. Limits are those of what this process holds; the log of the relay has its own. */
export interface RelayLogOptions extends Optional<Retention> {
  /** Leads to a relay (`attachRelay`). The log uses its address, token and policy, over one connection of its own; nothing else can use it. */
  pool: Pool;
  /** Other limits for some threads, as in `memoryLog`. @default {} */
  retention?: RetentionRules | undefined;
  /** Memory of all threads together, in bytes. @default 1 GiB */
  maxTotalBytes?: number | undefined;
  /** A call without an answer fails after this time, in milliseconds. @default 5000 */
  timeoutMs?: number | undefined;
  /** Most appends that may wait for the relay. @default 10000 */
  maxPending?: number | undefined;
  /** Most bytes of these. @default 64 MiB */
  maxPendingBytes?: number | undefined;
  /** @default the system's monotonic clock */
  clock?: Clock | undefined;
}

const OPTIONS: OptionTable<RelayLogOptions> = {
  pool: 'any',
  maxEntries: 'number',
  maxBytes: 'number',
  maxAgeMs: 'number',
  retention: 'object',
  maxTotalBytes: 'number',
  timeoutMs: 'number',
  maxPending: 'number',
  maxPendingBytes: 'number',
  clock: 'any',
};

/**
 * The log of another process, for the hub of this one: all workers of a machine, or an edge node near its users.
 *
 * ```ts
 * const pool = createPool({ url: 'ws+unix:/run/chat.sock:/relay', WebSocket, token });
 * const hub = createHub({ log: relayLog({ pool }) });
 * ```
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`), also for a pool that is in use
 */
export function relayLog(options: RelayLogOptions): DeliveryLog {
  checkOptions<RelayLogOptions>(options, OPTIONS, 'log');
  const { pool } = options;
  if (!(pool instanceof ConnectionPool))
    throw new InvalidOptionError({ option: 'log.pool', value: pool, expected: 'a pool of createPool' });
  const retention = {
    maxEntries: checkCount('log.maxEntries', options.maxEntries, 1_000, { min: 1, max: 10_000_000 }),
    maxBytes: checkCount('log.maxBytes', options.maxBytes, 64 * 1_048_576, { min: 1 }),
    maxAgeMs: checkNumber('log.maxAgeMs', options.maxAgeMs, 3_600_000, { min: 1 }),
  };
  const settings = {
    clock: checkMethods('log.clock', options.clock, CLOCK_METHODS) ?? systemClock,
    nodeId: randomEpoch(),
    retentionOf: retentionTable(retention, options.retention),
    maxTotalBytes: checkCount('log.maxTotalBytes', options.maxTotalBytes, 1024 ** 3, { min: 1 }),
    ledger: { bytes: 0 },
    keeper: 'the relay',
    appendTimeoutMs: checkNumber('log.timeoutMs', options.timeoutMs, 5_000, TIMER_RANGE),
    maxPending: checkCount('log.maxPending', options.maxPending, 10_000, { min: 1 }),
    maxPendingBytes: checkCount('log.maxPendingBytes', options.maxPendingBytes, 64 * 1_048_576, { min: 1 }),
  };
  return new RelayLog(settings, (listener) => new PoolSession(pool, listener));
}

/** The connection of a relay log: a pool's, with its machine. */
class PoolSession implements RelaySession, ConnectionHost<RelayLine> {
  lastError: Error = new LogUnavailableError({ reason: 'not connected yet' });
  isClosed = false;
  readonly #pool: ConnectionPool;
  readonly #listener: RelayListener;
  readonly #places: Places<RelayLine>;
  #line: RelayLine | undefined;
  #up = Promise.withResolvers<void>();

  constructor(pool: ConnectionPool, listener: RelayListener) {
    this.#pool = pool;
    this.#listener = listener;
    this.#up.promise.catch(() => {});
    const { settings, inspect } = pool.lend(() => this.close());
    const makeLine: MakeLine<RelayLine> = (of, line) => new RelayLine(of, line, (frame) => listener.onNews(frame));
    this.#places = new Places<RelayLine>(
      { ...settings, lines: settings.relayLines, minSize: 1, maxSize: 1 },
      { host: this, policy: settings.relayPolicy, inspect, makeLine },
    );
    pool.borrowed(this.#places);
    // the log that listens is still being made
    queueMicrotask(() => this.#places.fit(() => 0));
  }

  whenUp(): Promise<void> {
    return this.#up.promise;
  }

  call(head: object, body?: readonly Uint8Array[]): Promise<RelayFrame> {
    return this.#line?.call(head, body) ?? Promise.reject(this.lastError);
  }

  tell(head: object, body?: readonly Uint8Array[]): void {
    this.#line?.tell(head, body);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.lastError = new ClientClosedError({ action: 'relay' });
    this.#up.reject(this.lastError);
    this.#places.close('closed');
    this.#pool.close();
  }

  // --- its connection calls

  onOpen(line: RelayLine): void {
    this.#line = line;
    this.#up.resolve();
    this.#pool.opened();
    this.#listener.onUp();
  }

  onSettled(): void {}

  onLose(): void {
    this.#line = undefined;
    if (this.isClosed) return;
    this.lastError = new LogUnavailableError({ reason: 'the connection to the relay is lost' });
    this.#up = Promise.withResolvers<void>();
    this.#up.promise.catch(() => {});
    this.#listener.onDown();
  }

  onEvicted(connection: PooledConnection<RelayLine>, refusal: ConnectionRefusedError | undefined): void {
    this.#places.replace(connection, refusal);
    if (refusal === undefined) return;
    this.lastError = refusal;
    this.#pool.refused(refusal);
  }

  onFailure(reason: string): void {
    this.#pool.onFailure();
    if (!this.isClosed && this.#line === undefined)
      this.lastError = new LogUnavailableError({ reason: `the relay cannot be reached: ${reason}` });
  }

  onLog(): void {}

  report(error: unknown): void {
    this.#pool.report(error);
  }
}
