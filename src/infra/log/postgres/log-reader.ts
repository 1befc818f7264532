import { createHash } from 'node:crypto';
import type { Position } from '../../../api/log.ts';
import type { Anchor, Arrival, StoredArrival } from '../shared/arrival.ts';
import type { LogSource } from '../shared/tail-host.ts';
import { kept } from '../shared/arrival.ts';
import type { Row } from './driver.ts';
import type { PostgresLogSettings } from './options.ts';
import { decodeAnchor, decodeRow } from './rows.ts';
import type { PostgresSession } from './session.ts';

/** Maximum entries of a page, and bytes after which it ends: an answer must not hold the event loop. */
const MAX_PAGE = 512;
const PAGE_BYTES = 128 * 1024;

/** The messages that a reader without a tail gets, newest or oldest first. */
export interface MessagesAsked {
  readonly after: number;
  readonly before: number;
  readonly isUpwards: boolean;
  readonly limit: number;
}

export interface StoredMessages {
  readonly anchor: Anchor;
  readonly first: number;
  readonly arrivals: Arrival[];
}

const NOW = (parameter: string): string =>
  `coalesce(${parameter}::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)`;
const HEADS = 'pos, id, at, kind, live, edited, header, size, pieces';
const COLUMNS = `${HEADS}, body`;

/** Reads one thread's log, in pages of bounded bytes; large bodies piece by piece. */
export class LogReader implements LogSource {
  readonly #threadId: string;
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  #progressAt = -Infinity;

  constructor(threadId: string, session: PostgresSession, settings: PostgresLogSettings) {
    this.#threadId = threadId;
    this.#session = session;
    this.#settings = settings;
  }

  /** When Postgres last answered anything, on the log's clock. */
  get progressAt(): number {
    return this.#progressAt;
  }

  async anchor(known: { readonly epoch: string; readonly offset: number } = { epoch: '', offset: 0 }): Promise<Anchor> {
    const { schema, now } = this.#settings;
    const [row = {}] = await this.#query(
      `SELECT ${NOW('$1')} AS now, t.epoch, t.head, t.head_id,
        (SELECT e.id FROM ${schema}.entries e WHERE e.log = t.log AND e.pos = $4 AND t.epoch = $3) AS known
       FROM (SELECT 1) one LEFT JOIN ${schema}.threads t ON t.thread = $2`,
      [now(), this.#threadId, known.epoch, known.offset],
    );
    return decodeAnchor(row, firstEpoch(this.#session.life, this.#threadId));
  }

  async position(): Promise<Position> {
    const { epoch, head, headId } = await this.anchor();
    return { epoch, offset: head, id: headId };
  }

  async after(from: number, epoch: string): Promise<Arrival[]> {
    for (let at = from; ;) {
      const { page, goneAt } = await this.#bodies(await this.#page(epoch, `pos >= $2 AND pos <= $3`, [at, MAX], 'ASC'));
      if (page.length > 0 || goneAt === undefined) return page;
      at = goneAt + 1;
    }
  }

  async before(from: number, to: number, epoch: string): Promise<Arrival[]> {
    return (await this.#bodies(await this.#page(epoch, `pos <= $2 AND pos >= $3`, [from, to], 'DESC'))).page;
  }

  idsBefore(from: number, to: number, epoch: string): Promise<readonly StoredArrival[]> {
    return this.#page(epoch, `pos <= $2 AND pos >= $3`, [from, to], 'DESC', { columns: HEADS });
  }

  async oldest(epoch: string): Promise<Arrival | undefined> {
    const [oldest] = await this.#page(epoch, `pos >= $2 AND pos <= $3`, [0, MAX], 'ASC', { limit: 1 });
    return oldest;
  }

  /** Messages that the thread's history has, without a tail; a page may hold fewer than the limit, and none at its end. */
  async messages({ after, before, isUpwards, limit }: MessagesAsked): Promise<StoredMessages> {
    const { schema, now, historyOf } = this.#settings;
    const { maxEntries, maxAgeMs } = historyOf(this.#threadId);
    const order = isUpwards ? 'ASC' : 'DESC';
    const rows = await this.#query(
      `SELECT s.now, t.epoch, t.head, t.head_id, f.first, e.*
       FROM (SELECT ${NOW('$1')} AS now) s LEFT JOIN ${schema}.threads t ON t.thread = $2
       LEFT JOIN LATERAL (
         SELECT pos AS first FROM ${schema}.entries
         WHERE log = t.log AND ($5::bigint IS NULL OR pos > t.head - $5) AND ($6::bigint IS NULL OR at > s.now - $6)
         ORDER BY pos LIMIT 1) f ON true
       LEFT JOIN LATERAL (
         SELECT ${COLUMNS} FROM (
           SELECT *, sum(size) OVER (ORDER BY pos ${order}) - size AS passed FROM (
             SELECT ${COLUMNS} FROM ${schema}.entries
             WHERE log = t.log AND pos > $3 AND pos < $4 AND pos >= f.first AND kind = 'm' AND live
               AND (expires IS NULL OR expires > s.now)
             ORDER BY pos ${order} LIMIT $7) chosen) sized
         WHERE passed < $8 ORDER BY pos ${order}) e ON true`,
      [
        now(),
        this.#threadId,
        after,
        Math.min(before, MAX),
        bound(maxEntries),
        bound(maxAgeMs),
        Math.min(limit, MAX_PAGE),
        PAGE_BYTES,
      ],
    );
    const [row = {}] = rows;
    const anchor = decodeAnchor(row, firstEpoch(this.#session.life, this.#threadId));
    const stored = rows.filter(({ pos }) => pos !== null).map((each) => decodeRow(anchor.epoch, each));
    const { page, goneAt } = await this.#bodies(stored);
    // erased meanwhile: the page is read again, without it
    if (page.length === 0 && goneAt !== undefined) return this.messages({ after, before, isUpwards, limit });
    return {
      anchor,
      first: row.first === null || row.first === undefined ? anchor.head + 1 : Number(row.first),
      arrivals: page,
    };
  }

  async #page(
    epoch: string,
    range: string,
    bounds: readonly [number, number],
    order: 'ASC' | 'DESC',
    { limit = MAX_PAGE, columns = COLUMNS } = {},
  ): Promise<StoredArrival[]> {
    const { schema } = this.#settings;
    const rows = await this.#query(
      `SELECT t.epoch, e.* FROM ${schema}.threads t LEFT JOIN LATERAL (
         SELECT ${columns} FROM (
           SELECT *, sum(size) OVER (ORDER BY pos ${order}) - size AS passed FROM (
             SELECT ${columns} FROM ${schema}.entries WHERE log = t.log AND ${range} ORDER BY pos ${order} LIMIT $4) chosen) sized
         WHERE passed < $5 ORDER BY pos ${order}) e ON true
       WHERE t.thread = $1`,
      [this.#threadId, ...bounds, limit, PAGE_BYTES],
    );
    const [row] = rows;
    const found = row?.epoch ?? firstEpoch(this.#session.life, this.#threadId);
    if (found !== epoch) throw new Error('the thread has another epoch now');
    return rows.filter(({ pos }) => pos !== null).map((each) => decodeRow(epoch, each));
  }

  /** Ends after the first large entry, so that a page has few bytes besides those of one message. */
  async #bodies(stored: readonly StoredArrival[]): Promise<{ readonly page: Arrival[]; readonly goneAt?: number }> {
    const page: Arrival[] = [];
    for (const { pieces, ...arrival } of stored) {
      if (pieces === undefined) {
        page.push(arrival);
        continue;
      }
      const body = await this.#pieces(pieces.name, pieces.count);
      if (body !== undefined) return { page: [...page, { ...arrival, body }] };
      // erased meanwhile, which the next page shows
      return page.length > 0 ? { page } : { page, goneAt: arrival.offset };
    }
    return { page };
  }

  async #pieces(name: string, count: number): Promise<Buffer[] | undefined> {
    const chunks: Buffer[] = [];
    for (let n = 0; n < count; n++) {
      const [row] = await this.#query(`SELECT data FROM ${this.#settings.schema}.pieces WHERE name = $1 AND n = $2`, [
        name,
        n,
      ]);
      if (!Buffer.isBuffer(row?.data)) return undefined;
      chunks.push(kept(row.data));
    }
    return chunks;
  }

  async #query(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const rows = await this.#session.query(text, values);
    this.#progressAt = this.#settings.clock.now();
    return rows;
  }
}

/** The greatest offset. */
const MAX = Number.MAX_SAFE_INTEGER;

const bound = (limit: number): number | null => (limit === Infinity ? null : Math.round(limit));

/** The epoch of a thread that nothing was sent to: known without a row. */
export function firstEpoch(life: string, threadId: string): string {
  return createHash('sha256').update(`${life} ${threadId}`).digest('base64url').slice(0, 16);
}
