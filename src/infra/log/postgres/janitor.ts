import { numberOf, textOf } from './driver.ts';
import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';

/** How often a node looks for something to delete. */
const ROUND_MS = 1_000;
/** Threads that one look compares with their rules, entries that it deletes of each, and rows of an erased thread in one statement. */
const THREADS_AT_ONCE = 500;
const ENTRIES_AT_ONCE = 200;
const ROWS_AT_ONCE = 1_000;
/** How often it looks for what dead nodes have left. */
const NODES_MS = 60_000;
/** An upload that rests for this long belongs to a node that is gone. */
const UPLOAD_MS = 600_000;

/** Deletes what the retention does not keep, what was erased and what was never finished: in bounded batches, on one node at a time. */
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

  /** Deletes all rows of an erased log. */
  async clear(log: number): Promise<void> {
    for (;;) {
      const [row] = await this.#session.query(`SELECT ${this.#settings.schema}.clear($1, $2) AS more`, [
        log,
        ROWS_AT_ONCE,
      ]);
      if (row?.more !== true) return;
    }
  }

  async #work(): Promise<void> {
    const { schema, now } = this.#settings;
    const NOW = 'coalesce($1::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)';
    for (const { log } of await this.#session.query(`SELECT log FROM ${schema}.erased LIMIT 1`, []))
      await this.#session.query(`SELECT ${schema}.clear($1, $2)`, [log, ROWS_AT_ONCE]);
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
    const { schema, clock } = this.#settings;
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
  }

  async #trim(): Promise<void> {
    const { schema, now, historyOf, idempotencyMs } = this.#settings;
    const threads = await this.#session.query(
      `SELECT thread, log, head, coalesce($3::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
       FROM ${schema}.threads WHERE thread > $1 AND head > 0 ORDER BY thread LIMIT $2`,
      [this.#after, THREADS_AT_ONCE, now()],
    );
    this.#after = threads.length < THREADS_AT_ONCE ? '' : textOf(threads.at(-1)?.thread);
    const rules = threads.flatMap((row) => {
      const { maxEntries, maxAgeMs } = historyOf(textOf(row.thread));
      if (maxEntries === Infinity && maxAgeMs === Infinity) return [];
      const at = numberOf(row.now);
      return [{ log: row.log, pos: numberOf(row.head) - maxEntries, at: at - maxAgeMs, known: at - idempotencyMs }];
    });
    if (rules.length === 0) return;
    // the oldest entries of each thread, as far as its rule does not keep them; ids stay known for their time
    await this.#session.query(
      `WITH rules AS (
         SELECT * FROM json_to_recordset($1) AS r(log bigint, pos bigint, at bigint, known bigint)
       ), old AS (
         SELECT e.log, e.pos FROM rules r CROSS JOIN LATERAL (
           SELECT log, pos, at FROM ${schema}.entries WHERE log = r.log ORDER BY pos LIMIT ${ENTRIES_AT_ONCE}) e
         WHERE (e.pos <= coalesce(r.pos, 0) OR e.at <= coalesce(r.at, 0)) AND e.at <= r.known
       ), gone AS (
         DELETE FROM ${schema}.entries e USING old WHERE e.log = old.log AND e.pos = old.pos RETURNING e.pieces, e.edited
       ) DELETE FROM ${schema}.pieces WHERE name IN (SELECT pieces FROM gone WHERE pieces IS NOT NULL AND NOT edited)`,
      [JSON.stringify(rules)],
    );
  }
}
