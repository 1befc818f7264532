import { numberOf, textOf, type Row } from './driver.ts';
import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';

/** How often a node looks for something to delete. */
const ROUND_MS = 1_000;
/** Statements of one round that delete: so many, if each finds something. */
const STATEMENTS = 40;
/** Threads that one statement compares with their rules, entries that it deletes of each, and of all of them. */
const THREADS_AT_ONCE = 500;
const ENTRIES_AT_ONCE = 250;
const ROWS_AT_ONCE = 1_000;
/** A node that has not reported for so long has left the work to the next one. */
const AWAY_MS = 15_000;
/** How often it looks for what dead nodes have left. */
const NODES_MS = 60_000;
/** What was sent to a connection that is not there any more. */
const CONNECTION_MS = 3_600_000;
/** An upload that rests for this long belongs to a node that is gone. */
const UPLOAD_MS = 600_000;

/** The server's time, unless the first parameter is another one. */
const NOW = 'coalesce($1::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)';

/** Deletes what the retention does not keep, what was erased and what was never finished, in bounded statements. */
export class Janitor {
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  #nextAt = -Infinity;
  /** The thread after which the next look begins. */
  #after = '';
  #isAtWork = false;
  #nodesAt = -Infinity;

  constructor(session: PostgresSession, settings: PostgresLogSettings) {
    this.#session = session;
    this.#settings = settings;
  }

  tick(): void {
    const now = this.#settings.clock.now();
    if (this.#isAtWork || now < this.#nextAt) return;
    this.#nextAt = now + ROUND_MS;
    this.#isAtWork = true;
    // what fails is done in a later round
    this.#work()
      .catch(() => {})
      .finally(() => (this.#isAtWork = false));
  }

  /**
   * Deletes all rows of an erased log.
   * @param onProgress called after each statement
   */
  async clear(log: number, onProgress: () => void): Promise<void> {
    while (await this.#clearSome(log)) onProgress();
  }

  async #clearSome(log: unknown): Promise<boolean> {
    const [row] = await this.#session.query(`SELECT ${this.#settings.schema}.clear($1, $2) AS more`, [
      log,
      ROWS_AT_ONCE,
    ]);
    return row?.more === true;
  }

  async #work(): Promise<void> {
    const { schema, now } = this.#settings;
    // of a node that has died while it erased
    for (const { log } of await this.#session.query(`SELECT log FROM ${schema}.erased LIMIT 1`, []))
      for (let left = STATEMENTS; left > 0 && (await this.#clearSome(log)); left--);
    await this.#session.query(
      `WITH gone AS (DELETE FROM ${schema}.uploads WHERE name IN (
         SELECT name FROM ${schema}.uploads WHERE at < ${NOW} - ${UPLOAD_MS} LIMIT 16 FOR UPDATE SKIP LOCKED) RETURNING name)
       DELETE FROM ${schema}.pieces WHERE name IN (SELECT name FROM gone)`,
      [now()],
    );
    await this.#forgetNodes();
    await this.#session.query(
      `DELETE FROM ${schema}.value_changes WHERE (thread, node) IN (
         SELECT thread, node FROM ${schema}.value_changes WHERE at < ${NOW} - ${UPLOAD_MS} ORDER BY at LIMIT 64)`,
      [now()],
    );
    if (this.#settings.isTrimmed) await this.#trim();
  }

  /** What nodes have left behind that the log does not know any more. */
  async #forgetNodes(): Promise<void> {
    const { schema, clock, now } = this.#settings;
    if (clock.now() < this.#nodesAt) return;
    this.#nodesAt = clock.now() + NODES_MS;
    for (const table of ['members', 'counts'])
      await this.#session.query(
        `DELETE FROM ${schema}.${table} m USING (
           SELECT node FROM (SELECT DISTINCT node FROM ${schema}.${table}) all_nodes
           WHERE node NOT IN (SELECT node FROM ${schema}.nodes) LIMIT 1) dead
         WHERE m.node = dead.node`,
        [],
      );
    // of connections whose node has died
    await this.#session.query(
      `SELECT ${schema}.forget(array_agg(thread)) FROM (
         SELECT t.thread FROM ${schema}.threads t
         WHERE t.thread >= '~connection:' AND t.thread < '~connection:~'
           AND t.head_at < ${NOW} - ${CONNECTION_MS}
           AND NOT EXISTS (SELECT 1 FROM ${schema}.counts c WHERE c.thread = t.thread) LIMIT ${THREADS_AT_ONCE}) old`,
      [now()],
    );
  }

  /** On the first of the living nodes. What a hot thread has too much is gone within the round, and then come the next threads. */
  async #trim(): Promise<void> {
    for (let left = STATEMENTS; left > 0; left--) {
      const threads = await this.#nextThreads();
      const rules = threads.flatMap((row) => this.#ruleOf(row));
      // a full statement may have left something
      while (rules.length > 0 && (await this.#delete(rules)) >= ENTRIES_AT_ONCE && left > 0) left--;
      if (threads.length < THREADS_AT_ONCE) return;
    }
  }

  async #nextThreads(): Promise<readonly Row[]> {
    const { schema, now, nodeId } = this.#settings;
    const threads = await this.#session.query(
      `SELECT t.thread, t.log, t.head, s.now
       FROM (SELECT coalesce($3::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now) s
       JOIN ${schema}.threads t ON t.thread > $1 AND t.head > 0
       WHERE $4 = (SELECT min(n.node) FROM ${schema}.nodes n WHERE n.at > s.now - ${AWAY_MS})
       ORDER BY t.thread LIMIT $2`,
      [this.#after, THREADS_AT_ONCE, now(), nodeId],
    );
    this.#after = threads.length < THREADS_AT_ONCE ? '' : textOf(threads.at(-1)?.thread);
    return threads;
  }

  #ruleOf(row: Row): readonly object[] {
    const { historyOf, idempotencyMs } = this.#settings;
    const { maxEntries, maxAgeMs } = historyOf(textOf(row.thread));
    if (maxEntries === Infinity && maxAgeMs === Infinity) return [];
    const at = numberOf(row.now);
    return [{ log: row.log, pos: numberOf(row.head) - maxEntries, at: at - maxAgeMs, known: at - idempotencyMs }];
  }

  /**
   * The oldest entries of each thread, as far as its rule does not keep them; ids stay known for their time. Waits for no append.
   * @returns how many it has deleted
   */
  async #delete(rules: readonly object[]): Promise<number> {
    const { schema } = this.#settings;
    const [row] = await this.#session.query(
      `WITH rules AS (
         SELECT * FROM json_to_recordset($1) AS r(log bigint, pos bigint, at bigint, known bigint)
       ), due AS (
         SELECT r.* FROM rules r CROSS JOIN LATERAL (
           SELECT pos, at FROM ${schema}.entries WHERE log = r.log ORDER BY pos LIMIT 1) f
         WHERE (f.pos <= coalesce(r.pos, 0) OR f.at <= coalesce(r.at, 0)) AND f.at <= r.known
       ), old AS (
         SELECT e.log, e.pos FROM due r CROSS JOIN LATERAL (
           SELECT log, pos, at FROM ${schema}.entries WHERE log = r.log ORDER BY pos LIMIT ${ENTRIES_AT_ONCE}
           FOR UPDATE SKIP LOCKED) e
         WHERE (e.pos <= coalesce(r.pos, 0) OR e.at <= coalesce(r.at, 0)) AND e.at <= r.known LIMIT ${ROWS_AT_ONCE}
       ), gone AS (
         DELETE FROM ${schema}.entries e USING old WHERE e.log = old.log AND e.pos = old.pos RETURNING e.pieces, e.edited
       ), bytes AS (
         DELETE FROM ${schema}.pieces WHERE name IN (SELECT pieces FROM gone WHERE pieces IS NOT NULL AND NOT edited)
       ) SELECT count(*) AS count FROM gone`,
      [JSON.stringify(rules)],
    );
    return numberOf(row?.count);
  }
}
