import { asError, LogLayoutError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import type { RetrySession } from '../shared/retry-until.ts';
import { loadDriver, textOf, type PgClient, type PgDriver, type PgPool, type PgStatement, type Row } from './driver.ts';
import type { PostgresLogSettings } from './options.ts';
import { LAYOUT } from './schema.ts';
import { StatementNames } from './statement-names.ts';
import type { TimerHandle } from '../../../api/clock.ts';

export interface SessionListener {
  /** Connected, and listening. Notices may have been missed before. */
  onUp(): void;
  onDown(): void;
  /** Called regularly, also while there is no connection. */
  onTick(): void;
  /** Something was published; never throws. */
  onNotice(payload: string): void;
  /** Postgres must not be used, and is not tried again. */
  onRefused(error: Error): void;
}

const TICK_MS = 250;
const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 2_000;
/** How long connections may take to say goodbye. */
const END_MS = 300;

/**
 * Keeps one connection that listens, and a pool for everything else. While the first one is away, nothing is asked: a node that misses notices
 * is behind anyway. Both have one life: with the first one the pool is given up. No statement is sent again automatically.
 */
export class PostgresSession implements RetrySession {
  readonly channel: string;
  readonly #settings: PostgresLogSettings;
  readonly #listener: SessionListener;
  readonly #names: StatementNames | undefined;
  readonly #stop = new AbortController();
  #driver: PgDriver | undefined;
  #pool: PgPool | undefined;
  #client: PgClient | undefined;
  #life = '';
  #server = '';
  #giveUp: (error: Error) => void = () => {};
  #up = Promise.withResolvers<void>();
  #lastError = new Error('not connected yet');
  #timer: TimerHandle;
  readonly #living: Promise<void>;
  #farewell: Promise<unknown> | undefined;

  constructor(settings: PostgresLogSettings, listener: SessionListener) {
    this.channel = `threadcast_${settings.schema}`;
    this.#settings = settings;
    this.#listener = listener;
    this.#names = settings.isPrepared ? new StatementNames() : undefined;
    this.#up.promise.catch(() => {});
    this.#timer = settings.clock.setTimeout(this.#tick, TICK_MS);
    this.#living = this.#live();
  }

  get isUp(): boolean {
    return this.#client !== undefined;
  }

  get isClosed(): boolean {
    return this.#stop.signal.aborted;
  }

  get lastError(): Error {
    return this.#lastError;
  }

  /** The epochs of threads that have no row yet are made from this. */
  get life(): string {
    return this.#life;
  }

  /** Another one where the server is another one, or was started anew. */
  get server(): string {
    return this.#server;
  }

  whenUp(): Promise<void> {
    return this.#up.promise;
  }

  /** Rejects with an error of Postgres, or of the way; then it is unknown whether the statement was run. */
  async query(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const pool = this.#pool;
    if (pool === undefined) throw this.#lastError;
    const { rows } = await pool.query(this.#statement(text, values));
    // late, and perhaps of a server that another one has replaced: what it has done may not count
    if (pool !== this.#pool) throw this.#lastError;
    return rows;
  }

  /** On the connection that listens, which is given up where it does not answer. */
  async ask(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const client = this.#client;
    if (client === undefined) throw this.#lastError;
    try {
      return (await client.query(this.#statement(text, values))).rows;
    } catch (error) {
      if (client === this.#client) this.#giveUp(asError(error));
      throw error;
    }
  }

  /** The last statement of this process: `close` waits for it, if that is quick. */
  farewell(text: string, values: readonly unknown[]): void {
    this.#farewell = this.query(text, values).catch(() => {});
  }

  async close(reason = new Error('log has been closed')): Promise<void> {
    if (this.isClosed) return;
    this.#lastError = reason;
    this.#settings.clock.clearTimeout(this.#timer);
    if (this.#farewell !== undefined) await this.#briefly(this.#farewell);
    this.#stop.abort();
    this.#giveUp(reason);
    this.#up.reject(reason);
    const pool = this.#pool;
    this.#pool = undefined;
    await this.#briefly(Promise.all([pool?.end().catch(() => {}), this.#living]));
  }

  /** Opens one listening connection after the other. Never rejects. */
  async #live(): Promise<void> {
    for (let attempt = 0; !this.isClosed; attempt++) {
      const lost = Promise.withResolvers<never>();
      lost.promise.catch(() => {});
      this.#giveUp = lost.reject;
      let client: PgClient | undefined;
      try {
        this.#driver ??= await loadDriver();
        client = this.#newClient(this.#driver, lost.reject);
        await Promise.race([this.#open(client), lost.promise]);
        attempt = 0;
        this.#begin(client, this.#driver);
        await lost.promise;
      } catch (error) {
        if (!this.isClosed) this.#lastError = asError(error);
        if (this.#client !== undefined) this.#end();
        client?.end().catch(() => {});
        if (isRefusal(error)) this.#refuse(asError(error));
      }
      if (!this.isClosed) await this.#backoff(attempt);
    }
  }

  #newClient(driver: PgDriver, onLost: (error: Error) => void): PgClient {
    const client = new driver.Client(this.#settings.listening);
    client.on('error', onLost);
    client.on('end', () => onLost(new Error('Postgres has closed the connection')));
    client.on('notification', ({ payload = '' }) => {
      if (client === this.#client) this.#listener.onNotice(payload);
    });
    return client;
  }

  async #open(client: PgClient): Promise<void> {
    await client.connect();
    await this.#verify(client);
    await client.query(`LISTEN ${this.channel}`);
  }

  async #verify(client: PgClient): Promise<void> {
    const { schema } = this.#settings;
    const facts = { expected: String(LAYOUT), prefix: schema, keeper: 'Postgres' } as const;
    const [found] = (
      await client.query(
        `SELECT to_regclass($1) IS NOT NULL AS has, pg_is_in_recovery() AS standby, current_setting('server_encoding') AS encoding,
          pg_postmaster_start_time()::text AS server`,
        [`${schema}.layout`],
      )
    ).rows;
    if (found?.encoding !== 'UTF8')
      throw new LogLayoutError({ ...facts, found: `encoding ${textOf(found?.encoding)}` });
    if (found.has !== true) throw new LogLayoutError({ ...facts, found: 'none' });
    if (found.standby === true) throw new Error('Postgres is a standby: it takes no writes');
    const [layout] = (await client.query(`SELECT version, life FROM ${schema}.layout`)).rows;
    const version = String(layout?.version);
    if (version !== facts.expected) throw new LogLayoutError({ ...facts, found: version });
    this.#life = textOf(layout?.life);
    this.#server = textOf(found.server);
  }

  #begin(client: PgClient, driver: PgDriver): void {
    if (this.isClosed) throw this.#lastError;
    this.#client = client;
    const { connection, poolSize } = this.#settings;
    // a new connection costs its first append 50 ms: idle ones stay, where `pg` ends them after 10 s
    this.#pool = new driver.Pool({ idleTimeoutMillis: 0, ...connection, max: poolSize });
    // an idle connection of the pool has ended: the pool opens another one
    this.#pool.on('error', () => {});
    this.#up.resolve();
    this.#listener.onUp();
  }

  #end(): void {
    this.#client = undefined;
    if (this.isClosed) return;
    // their server may have been replaced, and come back: the next connections are to the same one as the next that listens
    this.#pool?.end().catch(() => {});
    this.#pool = undefined;
    this.#up = Promise.withResolvers<void>();
    this.#up.promise.catch(() => {});
    this.#listener.onDown();
  }

  #refuse(error: Error): void {
    if (this.isClosed) return;
    this.#listener.onRefused(error);
    void this.close(error);
  }

  #statement(text: string, values: readonly unknown[]): PgStatement {
    return this.#names?.named(text, values) ?? { text, values };
  }

  /** Waits for what a frozen server never ends. The timer ends with the work: it would keep the process. */
  async #briefly(work: Promise<unknown>): Promise<void> {
    const done = new AbortController();
    await Promise.race([work, pause(this.#settings.clock, END_MS, done.signal)]);
    done.abort();
  }

  #backoff(attempt: number): Promise<void> {
    const { clock, random } = this.#settings;
    const ms = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(attempt, 10));
    return pause(clock, ms * (0.5 + random() / 2), this.#stop.signal);
  }

  readonly #tick = (): void => {
    this.#timer = this.#settings.clock.setTimeout(this.#tick, TICK_MS);
    this.#listener.onTick();
  };
}

/** Another try would find the same. */
const isRefusal = (error: unknown): boolean =>
  error instanceof LogLayoutError || (error instanceof Error && 'code' in error && error.code === 'TC_INVALID_OPTION');
