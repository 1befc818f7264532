import type { EntryDraft } from '../../../api/entry.ts';
import type { Appended, Staged } from '../../../api/log.ts';
import type { Transaction } from '../../../api/message.ts';
import { asError, LogUnavailableError, MessageTooLargeError } from '../../errors.ts';
import { decodeHeader, encodeHeader } from '../shared/arrival.ts';
import { PendingAppend } from '../shared/pending-appends.ts';
import { hashOf, type AppendAnswer } from './append-lane.ts';
import { numberOf, textOf, type Row } from './driver.ts';
import { firstEpoch } from './log-reader.ts';
import type { Published } from './notices.ts';
import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';

/** Messages that one statement takes. */
const AT_ONCE = 64;
/** How often this node asks what has become of transactions, and looks for messages that no node has taken. */
const ASK_MS = 250;
const LOOK_MS = 1_000;
/** A message of a transaction is one value of one statement. */
const MAX_BYTES = 1024 * 1024;

/** A message of this node whose transaction may be open. */
interface Waiting {
  readonly own: PendingAppend;
  readonly xid: string;
  readonly seq: string;
  /** An entry of this id was in the log before. */
  readonly wasKnown: boolean;
  /** Its transaction is over, and nothing of it was found: once may be the moment of the commit. */
  isMissing: boolean;
}

export interface OutboxListener {
  /** Messages of any node have been appended. */
  onTaken(published: readonly Published[]): void;
  /** What the table has made of a message of this node. */
  onAnswer(own: PendingAppend, answer: AppendAnswer): void;
}

/** Messages that commit with a transaction of the application: they wait in a table, and any node appends them. */
export class Outbox {
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  readonly #listener: OutboxListener;
  readonly #waiting = new Map<PendingAppend, Waiting & { readonly rolledBack: () => void }>();
  #nextAskAt = -Infinity;
  #nextLookAt = -Infinity;
  #isAsking = false;
  #isTaking = false;
  #isMore = false;

  constructor(session: PostgresSession, settings: PostgresLogSettings, listener: OutboxListener) {
    this.#session = session;
    this.#settings = settings;
    this.#listener = listener;
  }

  /**
   * Inserts the message with the application's client.
   * @param track registers the message with its thread: so its entry has the draft's body and record, whichever node appends it
   */
  async stage(draft: EntryDraft, transaction: Transaction, track: (own: PendingAppend) => void): Promise<Staged> {
    const { schema, nodeId, clock } = this.#settings;
    const { threadId, id, body, key, expiresAt } = draft;
    const own = new PendingAppend(draft, clock.now(), { at: -Infinity });
    own.promise.catch(() => {});
    try {
      if (body.bytes > MAX_BYTES) throw new MessageTooLargeError({ bytes: body.bytes, limit: MAX_BYTES });
      await this.#session.whenUp();
      const wasKnown = await this.#isKnown(threadId, id);
      const hubNow = clock.now();
      const { rows } = await transaction.query(
        `INSERT INTO ${schema}.outbox (thread, id, header, key, ttl, body, epoch) VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING seq::text, pg_current_xact_id()::text AS xid`,
        [
          threadId,
          id,
          encodeHeader(draft, nodeId, hubNow),
          key === undefined ? null : hashOf(key),
          expiresAt === Infinity ? null : Math.max(0, Math.round(expiresAt - hubNow)),
          Buffer.concat(body.chunks),
          firstEpoch(this.#session.life, threadId),
        ],
      );
      const [row] = rows;
      const rolledBack = Promise.withResolvers<undefined>();
      track(own);
      const waiting = { own, xid: textOf(row?.xid), seq: textOf(row?.seq), wasKnown, isMissing: false };
      this.#waiting.set(own, { ...waiting, rolledBack: () => rolledBack.resolve(undefined) });
      const committed = Promise.race<Appended | undefined>([own.promise, rolledBack.promise]);
      committed.finally(() => this.#waiting.delete(own)).catch(() => {});
      return { committed };
    } catch (error) {
      const failure =
        error instanceof MessageTooLargeError
          ? error
          : new LogUnavailableError({ threadId, reason: asError(error).message, cause: error });
      own.fail(failure);
      throw failure;
    }
  }

  async #isKnown(threadId: string, id: string): Promise<boolean> {
    const { schema } = this.#settings;
    const rows = await this.#session.query(
      `SELECT 1 FROM ${schema}.threads t JOIN ${schema}.entries e ON e.log = t.log WHERE t.thread = $1 AND e.id = $2`,
      [threadId, id],
    );
    return rows.length > 0;
  }

  tick(): void {
    const now = this.#settings.clock.now();
    if (now >= this.#nextLookAt) {
      this.#nextLookAt = now + LOOK_MS;
      this.take();
    }
    if (this.#waiting.size === 0 || this.#isAsking || now < this.#nextAskAt) return;
    this.#nextAskAt = now + ASK_MS;
    this.#isAsking = true;
    // what fails is asked again
    this.#ask()
      .catch(() => {})
      .finally(() => (this.#isAsking = false));
  }

  /** Something may wait. */
  take(): void {
    this.#isMore = true;
    if (this.#isTaking) return;
    this.#isTaking = true;
    // what fails is taken by another node, or with the next look
    this.#takeAll()
      .catch(() => {})
      .finally(() => (this.#isTaking = false));
  }

  /** The log is closed: messages of open transactions are delivered by other nodes. */
  close(reason: string): void {
    for (const { own } of this.#waiting.values())
      own.fail(new LogUnavailableError({ threadId: own.draft.threadId, reason }));
  }

  async #takeAll(): Promise<void> {
    const { schema, now } = this.#settings;
    while (this.#isMore) {
      this.#isMore = false;
      const rows = await this.#session.query(`SELECT * FROM ${schema}.take_outbox($1, $2)`, [now(), AT_ONCE]);
      if (rows.length > 0) this.#isMore = true;
      this.#listener.onTaken(rows.flatMap(publishedOf));
    }
  }

  async #ask(): Promise<void> {
    const { schema } = this.#settings;
    const waiting = [...this.#waiting.values()];
    const asked = waiting.map(({ own: { draft }, xid, seq }, n) => {
      return { n, xid, seq, thread: draft.threadId, id: draft.id };
    });
    const rows = await this.#session.query(
      `SELECT c.n, pg_xact_status(c.xid::xid8) AS status, o.seq IS NOT NULL AS waits, t.epoch, e.pos, e.at, e.header
       FROM json_to_recordset($1) AS c(n int, xid text, seq bigint, thread text, id text)
       LEFT JOIN ${schema}.outbox o ON o.seq = c.seq
       LEFT JOIN ${schema}.threads t ON t.thread = c.thread
       LEFT JOIN ${schema}.entries e ON e.log = t.log AND e.id = c.id`,
      [JSON.stringify(asked)],
    );
    for (const row of rows) {
      const each = waiting[numberOf(row.n)];
      if (each === undefined || row.waits === true || row.status === 'in progress') continue;
      if (row.status === 'aborted') this.#rollBack(each.own);
      else if (row.pos === null) {
        if (each.isMissing) this.#rollBack(each.own);
        each.isMissing = true;
      } else {
        const offset = numberOf(row.pos);
        const header = textOf(row.header);
        const isOwn = !each.wasKnown && decodeHeader(header).by === this.#settings.nodeId;
        this.#listener.onAnswer(each.own, {
          epoch: textOf(row.epoch),
          at: numberOf(row.at),
          offset: isOwn ? offset : -offset,
          header,
        });
      }
    }
  }

  /** Gives the draft back: nothing was appended. */
  #rollBack(own: PendingAppend): void {
    const waiting = this.#waiting.get(own);
    waiting?.rolledBack();
    own.fail(new LogUnavailableError({ threadId: own.draft.threadId, reason: 'the transaction was rolled back' }));
  }
}

function publishedOf(row: Row): readonly Published[] {
  const offset = numberOf(row.pos);
  if (!(offset > 0)) return [];
  return [
    {
      threadId: textOf(row.thread),
      epoch: textOf(row.epoch),
      offset,
      at: numberOf(row.at),
      id: textOf(row.id),
      header: textOf(row.header),
      body: Buffer.isBuffer(row.body) ? row.body : undefined,
    },
  ];
}
