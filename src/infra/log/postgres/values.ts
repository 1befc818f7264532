import type { ValueLimits } from '../../../api/log-values.ts';
import { randomEpoch } from '../ids.ts';
import type { LivingNodes } from '../shared/living-nodes.ts';
import type { RetryUntil } from '../shared/retry-until.ts';
import { SharedValues } from '../shared/shared-values.ts';
import type { StoredValue, StoredValues } from '../shared/stored-values.ts';
import type { SetAnswer, ValueStore, ValueToSet } from '../shared/value-store.ts';
import { hashOf } from './append-lane.ts';
import { numberOf, textOf } from './driver.ts';
import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';

/** How often watched threads are compared with the table: a notice may be lost. */
const COMPARE_MS = 1_000;
/** Threads that one statement compares. */
const THREADS_AT_ONCE = 1_000;

/** The values of a thread: a row each. */
class PostgresValueStore implements ValueStore {
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;

  constructor(session: PostgresSession, settings: PostgresLogSettings) {
    this.#session = session;
    this.#settings = settings;
  }

  async set(threadId: string, number: number, value: ValueToSet, limits: ValueLimits): Promise<SetAnswer> {
    const { key, json, owner, ttlMs } = value;
    const { schema } = this.#settings;
    const [row] = await this.#session.query(
      `SELECT ${schema}.set_value($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS answer`,
      [
        ...this.#change(threadId, number),
        hashOf(key),
        JSON.stringify(key),
        json,
        owner === undefined ? null : JSON.stringify(owner),
        ttlMs ?? null,
        Buffer.byteLength(key) + Buffer.byteLength(json),
        countOf(limits.maxKeys),
        countOf(limits.maxBytes),
      ],
    );
    const answer = row?.answer;
    return answer === 'set' || answer === 'keys' || answer === 'bytes' ? answer : 'known';
  }

  async drop(threadId: string, number: number, owner: string | undefined, keys: readonly string[]): Promise<number> {
    const { schema } = this.#settings;
    const [row] = await this.#session.query(`SELECT ${schema}.drop_values($1, $2, $3, $4, $5, $6, $7) AS count`, [
      ...this.#change(threadId, number),
      owner === undefined ? null : JSON.stringify(owner),
      keys.length === 0 ? null : keys.map(hashOf),
    ]);
    return numberOf(row?.count);
  }

  async read(threadId: string, key?: string): Promise<StoredValues> {
    const { schema, now } = this.#settings;
    const rows = await this.#session.query(
      `SELECT t.epoch, t.revision, v.key, v.json, v.owner, v.until - s.now AS ttl
       FROM (SELECT coalesce($1::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now) s
       JOIN ${schema}.value_threads t ON t.thread = $2
       LEFT JOIN ${schema}.values v ON v.thread = t.thread AND (v.until IS NULL OR v.until > s.now)
         AND ($3::text IS NULL OR v.hash = $3)`,
      [now(), threadId, key === undefined ? null : hashOf(key)],
    );
    const values = rows.flatMap((row): StoredValue[] =>
      row.key === null
        ? []
        : [
            {
              key: parsed(row.key) ?? '',
              json: textOf(row.json),
              owner: parsed(row.owner),
              ttlMs: row.ttl === null ? Infinity : numberOf(row.ttl),
            },
          ],
    );
    const [row] = rows;
    return { epoch: textOf(row?.epoch), revision: Number(row?.revision ?? 0), values };
  }

  subscribed(): Promise<void> {
    return this.#session.whenUp();
  }

  #change(threadId: string, number: number): readonly unknown[] {
    const { now, nodeId } = this.#settings;
    return [now(), nodeId, number, threadId, randomEpoch()];
  }
}

/** The values of threads: rows, whose changes are published as they are committed. */
export class PostgresValues extends SharedValues {
  readonly #pg: PostgresSession;
  readonly #pgSettings: PostgresLogSettings;
  #comparedAt = -Infinity;
  #isComparing = false;

  constructor(session: PostgresSession, settings: PostgresLogSettings, nodes: LivingNodes, retryUntil: RetryUntil) {
    super(new PostgresValueStore(session, settings), session, settings, nodes, retryUntil);
    this.#pg = session;
    this.#pgSettings = settings;
  }

  /** A change has been published. */
  heard(threadId: string, news: Readonly<Record<string, unknown>>): void {
    const place = { epoch: String(news.e), revision: Number(news.r) };
    const key = parsed(news.k);
    if (key === undefined) this.compare(threadId, place.epoch, place.revision);
    else
      this.take(threadId, {
        ...place,
        key,
        json: typeof news.j === 'string' ? news.j : undefined,
        owner: parsed(news.o),
        ttlMs: typeof news.x === 'number' ? news.x : Infinity,
      });
  }

  /** Notices may have been missed. */
  override reconnected(): void {
    super.reconnected();
    for (const threadId of this.watched) this.missed(threadId);
  }

  override tick(): void {
    super.tick();
    const now = this.#pgSettings.clock.now();
    if (this.#isComparing || now < this.#comparedAt + COMPARE_MS) return;
    this.#comparedAt = now;
    this.#isComparing = true;
    // the session reports the error; the next round follows
    this.#compareAll()
      .catch(() => {})
      .finally(() => (this.#isComparing = false));
  }

  async #compareAll(): Promise<void> {
    const watched = [...this.watched];
    for (let from = 0; from < watched.length; from += THREADS_AT_ONCE) {
      const rows = await this.#pg.query(
        `SELECT thread, epoch, revision FROM ${this.#pgSettings.schema}.value_threads WHERE thread = ANY($1::text[])`,
        [watched.slice(from, from + THREADS_AT_ONCE)],
      );
      for (const row of rows) this.compare(textOf(row.thread), textOf(row.epoch), numberOf(row.revision));
    }
  }
}

/** A text as JSON, as the tables have it. */
function parsed(text: unknown): string | undefined {
  const value: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
  return typeof value === 'string' ? value : undefined;
}

const countOf = (limit: number): number => Math.min(limit, Number.MAX_SAFE_INTEGER);
