import { createHash } from 'node:crypto';
import type { EntryDraft } from '../../../api/entry.ts';
import { pause } from '../../time/pause.ts';
import { encodeHeader } from '../shared/arrival.ts';
import type { PendingAppend } from '../shared/pending-appends.ts';
import { unavailable } from '../shared/retry-until.ts';
import { isFinalAnswer, numberOf, textOf, type Row } from './driver.ts';
import { firstEpoch } from './log-reader.ts';
import type { PostgresLogSettings } from './options.ts';
import { PIECE_BYTES, signOf } from './rows.ts';
import type { PostgresSession } from './session.ts';
import { Upload } from './upload.ts';

/** Maximum messages, and bytes, of one statement, during which their threads are locked. */
const MAX_BATCH = 256;
const MAX_BATCH_BYTES = 256 * 1024;
const MIN_RETRY_MS = 25;
const MAX_RETRY_MS = 500;

/** What the table has made of an append. */
export interface AppendAnswer {
  readonly epoch: string;
  readonly at: number;
  /** Negative for a known id, NaN where the message to be amended is not held. */
  readonly offset: number;
  readonly header: string;
}

/**
 * Appends of many threads, in order. One statement is in flight at a time, and takes all messages that came meanwhile: one commit for all of
 * them. So a retry cannot change the order of a thread, and load makes the statements larger, not more.
 */
export class AppendLane {
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  readonly #onAnswer: (batch: readonly (readonly [PendingAppend, AppendAnswer])[]) => void;
  readonly #queue: PendingAppend[] = [];
  #isRunning = false;

  constructor(
    session: PostgresSession,
    settings: PostgresLogSettings,
    onAnswer: (batch: readonly (readonly [PendingAppend, AppendAnswer])[]) => void,
  ) {
    this.#session = session;
    this.#settings = settings;
    this.#onAnswer = onAnswer;
  }

  add(own: PendingAppend): void {
    this.#queue.push(own);
    if (!this.#isRunning) void this.#run();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    // messages sent in the same turn go in the same statement
    await Promise.resolve();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#send(batch);
    this.#isRunning = false;
  }

  #take(): PendingAppend[] {
    const batch: PendingAppend[] = [];
    let bytes = 0;
    for (let own = this.#queue[0]; own !== undefined; own = this.#queue[0]) {
      const isFull = batch.length === MAX_BATCH || bytes + own.draft.body.bytes > MAX_BATCH_BYTES;
      // a large one is sent alone
      if (batch.length > 0 && (isFull || isLarge(own))) break;
      this.#queue.shift();
      if (own.isSettled) continue;
      batch.push(own);
      if (isLarge(own)) break;
      bytes += own.draft.body.bytes;
    }
    return batch;
  }

  /** Resolves when each is in the log or has failed. */
  async #send(batch: readonly PendingAppend[]): Promise<void> {
    let upload: Upload | undefined;
    for (let attempt = 0; ; attempt++) {
      const waiting = batch.filter(({ isSettled }) => !isSettled);
      if (waiting.length === 0) return;
      try {
        await this.#session.whenUp();
        const sent = waiting.filter(({ isSettled }) => !isSettled);
        const [first] = sent;
        if (first === undefined) return;
        if (isLarge(first)) {
          upload ??= new Upload(first, this.#session, this.#settings);
          await upload.send();
          if (first.isSettled) return;
        }
        this.#onAnswer(await this.#call(inOrder(sent), upload));
        return;
      } catch (error) {
        if (this.#session.isClosed || (isFinalAnswer(error) && waiting.length === 1)) {
          const { session } = { session: this.#session };
          for (const own of waiting)
            own.fail(unavailable(session.isClosed ? session.lastError : error, own.draft.threadId));
          return;
        }
        if (isFinalAnswer(error)) {
          // one of them is the reason
          for (const own of waiting) await this.#send([own]);
          return;
        }
        if (isUploadGone(error)) upload = undefined;
        await pause(this.#settings.clock, Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(attempt, 10)));
      }
    }
  }

  async #call(
    sent: readonly PendingAppend[],
    upload: Upload | undefined,
  ): Promise<readonly (readonly [PendingAppend, AppendAnswer])[]> {
    const { schema, clock, now, nodeId, historyOf } = this.#settings;
    const { life } = this.#session;
    const hubNow = clock.now();
    const headers = sent.map(({ draft }) => encodeHeader(draft, nodeId, hubNow));
    const messages = sent.map(({ draft }, i) => {
      const { maxEntries, maxAgeMs } = historyOf(draft.threadId);
      return {
        thread: draft.threadId,
        id: draft.id,
        header: headers[i],
        kind: signOf(draft.kind),
        key: draft.key === undefined ? undefined : hashOf(draft.key),
        target: draft.target,
        ttl: draft.expiresAt === Infinity ? undefined : Math.max(0, Math.round(draft.expiresAt - hubNow)),
        inline: upload === undefined ? draft.body.bytes : 0,
        size: draft.body.bytes,
        pieces: upload?.name,
        kept: maxEntries === Infinity ? undefined : maxEntries,
        age: maxAgeMs === Infinity ? undefined : Math.round(maxAgeMs),
        epoch: firstEpoch(life, draft.threadId),
      };
    });
    // a copy: an append that fails meanwhile releases its memory
    const bodies = upload === undefined ? Buffer.concat(sent.flatMap(({ draft }) => draft.body.chunks)) : null;
    for (const own of sent) own.attempts++;
    const rows = await this.#session.query(`SELECT epoch, pos, at FROM ${schema}.append($1, $2, $3)`, [
      now(),
      JSON.stringify(messages),
      bodies,
    ]);
    return sent.map((own, i) => [own, decodeAnswer(rows[i], headers[i])] as const);
  }
}

function decodeAnswer(row: Row | undefined, header = ''): AppendAnswer {
  if (row === undefined) throw new Error('Postgres answered with too few rows');
  return { epoch: textOf(row.epoch), at: numberOf(row.at), offset: numberOf(row.pos), header };
}

/** Keys may be long, and hold what a text of Postgres cannot. */
export const hashOf = (key: string): string =>
  createHash('sha256').update(JSON.stringify(key)).digest('base64url').slice(0, 22);

/** Threads are locked in the same order by all nodes. */
function inOrder(sent: readonly PendingAppend[]): readonly PendingAppend[] {
  return sent.length === 1 ? sent : sent.toSorted((a, b) => compare(a.draft, b.draft));
}

const compare = (a: EntryDraft, b: EntryDraft): number =>
  a.threadId === b.threadId ? 0 : a.threadId < b.threadId ? -1 : 1;

const isLarge = ({ draft }: PendingAppend): boolean => draft.body.bytes > PIECE_BYTES;

const isUploadGone = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'TC001';
