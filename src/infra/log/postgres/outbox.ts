import type { EntryDraft } from '../../../api/entry.ts';
import type { Appended, Staged } from '../../../api/log.ts';
import type { Transaction } from '../../../api/message.ts';
import { asError, LogUnavailableError, MessageTooLargeError, ThreadcastError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import { decodeHeader, encodeHeader } from '../shared/arrival.ts';
import { PendingAppend, PendingAppends } from '../shared/pending-appends.ts';
import type { RetryUntil } from '../shared/retry-until.ts';
import { hashOf, type AppendAnswer } from './append-lane.ts';
import { numberOf, textOf, type Row } from './driver.ts';
import { firstEpoch } from './log-reader.ts';
import { INLINE_BYTES, type Published } from './notices.ts';
import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';

/** Messages, and bytes, that one statement takes. */
const AT_ONCE = 64;
const BYTES_AT_ONCE = 256 * 1024;
/** Messages of open transactions that one statement asks about. */
const ASK_AT_ONCE = 500;
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
  readonly rolledBack: () => void;
  /** An entry of this id was in the log before, or is another one's of this node. */
  isKnown: boolean;
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
  readonly #retryUntil: RetryUntil;
  /** Those of this node, with the limits of what waits for Postgres. */
  readonly #pending: PendingAppends;
  readonly #waiting = new Map<PendingAppend, Waiting>();
  /** By thread and id. */
  readonly #byKey = new Map<string, readonly Waiting[]>();
  #nextAskAt = -Infinity;
  #nextLookAt = -Infinity;
  #isAsking = false;
  #isTaking = false;
  #isMore = false;

  constructor(
    session: PostgresSession,
    settings: PostgresLogSettings,
    retryUntil: RetryUntil,
    listener: OutboxListener,
  ) {
    this.#session = session;
    this.#settings = settings;
    this.#retryUntil = retryUntil;
    this.#pending = new PendingAppends(settings, undefined, () => session.lastError);
    this.#listener = listener;
  }

  /**
   * Inserts the message with the application's client.
   * @param track registers the message with its thread: so its entry has the draft's body and record, whichever node appends it
   */
  async stage(draft: EntryDraft, transaction: Transaction, track: (own: PendingAppend) => void): Promise<Staged> {
    const { threadId, body } = draft;
    const own = new PendingAppend(draft, this.#settings.clock.now(), { at: -Infinity });
    own.promise.catch(() => {});
    try {
      if (body.bytes > MAX_BYTES) throw new MessageTooLargeError({ bytes: body.bytes, limit: MAX_BYTES });
      const refusal = this.#pending.refusal(draft);
      if (refusal !== undefined) throw new LogUnavailableError({ threadId, reason: refusal });
      const isKnown = await this.#retryUntil.withinDeadline(threadId, () => this.#isKnown(draft));
      const row = await this.#insert(draft, transaction);
      const rolledBack = Promise.withResolvers<undefined>();
      const { resolve } = rolledBack;
      this.#pending.add(own);
      track(own);
      const [xid, seq] = [textOf(row?.xid), textOf(row?.seq)];
      this.#expect({ own, xid, seq, isKnown, isMissing: false, rolledBack: () => resolve(undefined) });
      return { committed: Promise.race<Appended | undefined>([own.promise, rolledBack.promise]) };
    } catch (error) {
      const isOurs = error instanceof ThreadcastError;
      const failure = isOurs
        ? error
        : new LogUnavailableError({ threadId, reason: asError(error).message, cause: error });
      own.fail(failure);
      throw failure;
    }
  }

  /** With the application's client, which may be frozen, or at other work. */
  async #insert(draft: EntryDraft, transaction: Transaction): Promise<Row | undefined> {
    const { schema, nodeId, clock, appendTimeoutMs } = this.#settings;
    const { threadId, id, body, key, expiresAt } = draft;
    const hubNow = clock.now();
    const inserted = transaction.query(
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
    const answered = new AbortController();
    const late = pause(clock, appendTimeoutMs, answered.signal).then((): never => {
      throw new Error(`the transaction's client did not answer within ${appendTimeoutMs} ms: roll it back`);
    });
    late.catch(() => {});
    try {
      const { rows } = await Promise.race([inserted, late]);
      return rows[0];
    } finally {
      answered.abort();
    }
  }

  async #isKnown({ threadId, id }: EntryDraft): Promise<boolean> {
    const { schema } = this.#settings;
    const rows = await this.#session.query(
      `SELECT 1 FROM ${schema}.threads t JOIN ${schema}.entries e ON e.log = t.log WHERE t.thread = $1 AND e.id = $2`,
      [threadId, id],
    );
    return rows.length > 0;
  }

  #expect(each: Waiting): void {
    const { own } = each;
    const key = keyOf(own);
    this.#waiting.set(own, each);
    this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), each]);
    const forget = (): void => {
      this.#waiting.delete(own);
      const others = this.#byKey.get(key)?.filter((other) => other !== each) ?? [];
      if (others.length > 0) this.#byKey.set(key, others);
      else this.#byKey.delete(key);
    };
    own.promise.then(({ isDuplicate }) => {
      if (!isDuplicate) this.#claim(own);
      forget();
    }, forget);
  }

  /** An entry is this message: others that this node has sent with its id are repeated. */
  #claim(own: PendingAppend): void {
    for (const each of this.#byKey.get(keyOf(own)) ?? []) if (each.own !== own) each.isKnown = true;
  }

  tick(): void {
    const now = this.#settings.clock.now();
    if (now >= this.#nextLookAt) {
      this.#nextLookAt = now + LOOK_MS;
      this.take();
    }
    if (now >= this.#nextAskAt) this.#askNow();
  }

  #askNow(): void {
    if (this.#waiting.size === 0 || this.#isAsking) return;
    this.#nextAskAt = this.#settings.clock.now() + ASK_MS;
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
    this.#pending.failAll(reason);
  }

  async #takeAll(): Promise<void> {
    const { schema, now } = this.#settings;
    while (this.#isMore) {
      this.#isMore = false;
      const limits = [AT_ONCE, BYTES_AT_ONCE, INLINE_BYTES];
      const rows = await this.#session.query(`SELECT * FROM ${schema}.take_outbox($1, $2, $3, $4)`, [now(), ...limits]);
      if (rows.length > 0) this.#isMore = true;
      this.#listener.onTaken(rows.flatMap(publishedOf));
    }
    this.#askNow();
  }

  async #ask(): Promise<void> {
    const { schema } = this.#settings;
    const waiting = [...this.#waiting.values()].slice(0, ASK_AT_ONCE);
    const asked = waiting.map(({ own: { draft }, xid, seq }, n) => {
      return { n, xid, seq, thread: draft.threadId, id: draft.id };
    });
    const rows = await this.#session.query(
      `SELECT c.n, ${schema}.outcome(c.xid) AS status, o.seq IS NOT NULL AS waits, t.epoch, e.pos, e.at, e.header
       FROM json_to_recordset($1) AS c(n int, xid text, seq bigint, thread text, id text)
       LEFT JOIN ${schema}.outbox o ON o.seq = c.seq AND o.thread = c.thread AND o.id = c.id
       LEFT JOIN ${schema}.threads t ON t.thread = c.thread
       LEFT JOIN ${schema}.entries e ON e.log = t.log AND e.id = c.id`,
      [JSON.stringify(asked)],
    );
    for (const row of rows) {
      const each = waiting[numberOf(row.n)];
      if (each !== undefined) this.#heard(each, row);
    }
    // those that are still open come last, so that each has its turn
    for (const each of waiting) if (this.#waiting.delete(each.own)) this.#waiting.set(each.own, each);
  }

  /** What has become of a transaction of this node. */
  #heard(each: Waiting, { status, waits, epoch, pos, at, header }: Row): void {
    if (waits === true || status === 'in progress') return;
    if (status === 'aborted' || (pos === null && each.isMissing)) {
      each.rolledBack();
      // gives the draft back: nothing was appended
      this.#fail(each.own, 'the transaction was rolled back');
      return;
    }
    each.isMissing = pos === null;
    if (pos === null) return;
    const offset = numberOf(pos);
    const text = textOf(header);
    const isOwn = !each.isKnown && decodeHeader(text).by === this.#settings.nodeId;
    if (isOwn) this.#claim(each.own);
    const answer = { epoch: textOf(epoch), at: numberOf(at), offset: isOwn ? offset : -offset, header: text };
    this.#listener.onAnswer(each.own, answer);
  }

  #fail(own: PendingAppend, reason: string): void {
    own.fail(new LogUnavailableError({ threadId: own.draft.threadId, reason }));
  }
}

const keyOf = ({ draft: { threadId, id } }: PendingAppend): string => `${id} ${threadId}`;

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
