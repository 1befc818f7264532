import { isUtf8 } from 'node:buffer';
import { asError } from '../../errors.ts';
import { ownBytes } from '../shared-body.ts';
import { parseObject } from '../../wire/json-object.ts';
import { decodeHeader, idIn, type Arrival } from '../shared/arrival.ts';
import type { PostgresSession } from './session.ts';

/** Bytes of one notice: Postgres takes less than 8,000. */
const MAX_NOTICE_BYTES = 7_600;
/** Characters, of up to four bytes. */
const PIECES = /[^]{1,1700}/gu;
/** A message above this is not in its notice: each node reads it. */
export const INLINE_BYTES = 4_096;
/** Notices that may wait to be sent. What is dropped of entries is found by polling. */
const MAX_WAITING = 10_000;
const MAX_AT_ONCE = 256;
/** Pieces of long messages of other nodes that are not complete. */
const MAX_UNFINISHED = 1_000;

/** What a node learns from the others. */
export interface NoticeListener {
  onArrival(threadId: string, arrival: Arrival): void;
  onNodeMessage(threadId: string, message: string): void;
  onErased(threadId: string): void;
  /** Values of the thread have changed. */
  onValue(threadId: string, news: Readonly<Record<string, unknown>>): void;
  /** Something waits in the outbox. */
  onOutbox(): void;
}

/** An entry that has been appended. `body` is undefined if it is large. */
export interface Published {
  readonly threadId: string;
  readonly epoch: string;
  readonly offset: number;
  readonly at: number;
  readonly id: string;
  readonly header: string;
  readonly body: Buffer | undefined;
}

/** Sends and receives what the nodes tell each other: one channel for the schema. A notice may be lost; it is never doubled. */
export class Notices {
  readonly #session: PostgresSession;
  readonly #nodeId: string;
  readonly #listener: NoticeListener;
  #waiting: string[] = [];
  readonly #unfinished = new Map<string, string[]>();
  #isSending = false;
  #serial = 0;

  constructor(session: PostgresSession, nodeId: string, listener: NoticeListener) {
    this.#session = session;
    this.#nodeId = nodeId;
    this.#listener = listener;
  }

  entries(published: readonly Published[]): void {
    let [heads, bodies, bytes]: [unknown[], string, number] = [[], '', 0];
    const flush = (): void => {
      if (heads.length > 0) this.#push('E', { e: heads }, bodies);
      [heads, bodies, bytes] = [[], '', 0];
    };
    for (const { threadId, epoch, offset, at, id, header, body } of published) {
      const text = body !== undefined && isInline(body) ? body.toString() : undefined;
      const head = [threadId, epoch, offset, at, id, header, text?.length ?? -1];
      const own = Buffer.byteLength(JSON.stringify(head)) + 2 + (text === undefined ? 0 : (body?.length ?? 0));
      // its header alone may be too long: polling finds it
      if (own > MAX_NOTICE_BYTES) continue;
      if (bytes + own > MAX_NOTICE_BYTES) flush();
      heads.push(head);
      bodies += text ?? '';
      bytes += own;
    }
    flush();
  }

  /** In pieces that come in their order, as one statement sends them. */
  message(threadId: string, message: string): void {
    const text = JSON.stringify(message);
    const pieces = text.match(PIECES) ?? [];
    if (this.#session.isUp && this.#waiting.length < MAX_WAITING)
      for (const [n, piece] of pieces.entries()) this.#push('N', { t: threadId, n, of: pieces.length }, piece, true);
  }

  erased(threadId: string): void {
    this.#push('D', { t: threadId }, '');
  }

  /** Something was published, by any node. Called from a socket's event: what is not ours must not end the process. */
  received(payload: string): void {
    try {
      this.#take(payload);
    } catch (error) {
      process.emitWarning(asError(error));
    }
  }

  #push(sign: string, head: object, rest: string, isPart = false): void {
    if (!isPart && (!this.#session.isUp || this.#waiting.length >= MAX_WAITING)) return;
    // the number makes each of them unique: Postgres leaves out what is sent twice
    this.#waiting.push(`${sign}${JSON.stringify({ b: this.#nodeId, s: ++this.#serial, ...head })}\n${rest}`);
    if (!this.#isSending) void this.#send();
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    this.#isSending = true;
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const sent = this.#waiting.splice(0, MAX_AT_ONCE);
      try {
        // PostgreSQL lets such transactions commit one after the other: none of them has to wait for the disk
        await this.#session.query(
          `SELECT pg_notify($1, notice) FROM set_config('synchronous_commit', 'off', true), unnest($2::text[]) AS notice`,
          [this.#session.channel, sent],
        );
      } catch {
        // at most once
      }
    }
    this.#isSending = false;
  }

  #take(payload: string): void {
    const end = payload.indexOf('\n');
    const sign = payload[0];
    if (sign === 'O') {
      this.#listener.onOutbox();
      return;
    }
    const head = parseObject(payload.slice(1, end));
    if (head === undefined || head.b === this.#nodeId) return;
    const rest = payload.slice(end + 1);
    const { t: threadId } = head;
    if (sign === 'E') this.#takeEntries(head, rest);
    else if (typeof threadId !== 'string') return;
    else if (sign === 'V') this.#listener.onValue(threadId, head);
    else if (sign === 'D') this.#listener.onErased(threadId);
    else if (sign === 'N') this.#takePart(threadId, head, rest);
  }

  #takeEntries(head: Readonly<Record<string, unknown>>, bodies: string): void {
    let from = 0;
    for (const each of Array.isArray(head.e) ? head.e : []) {
      const [threadId, epoch, offset, at, id, header, length]: readonly unknown[] = Array.isArray(each) ? each : [];
      const units = Math.max(0, Number(length));
      const body = Number(length) < 0 ? undefined : [ownBytes(bodies.slice(from, from + units))];
      from += units;
      const place = { epoch: String(epoch), offset: Number(offset), at: Number(at), id: idIn(String(id)) };
      this.#listener.onArrival(String(threadId), { ...place, header: decodeHeader(String(header)), body });
    }
  }

  #takePart(threadId: string, head: Readonly<Record<string, unknown>>, rest: string): void {
    const key = `${String(head.b)} ${threadId}`;
    const parts = head.n === 0 ? [] : this.#unfinished.get(key);
    // its beginning was missed
    if (parts === undefined || head.n !== parts.length) return;
    parts.push(rest);
    if (parts.length < Number(head.of)) {
      if (this.#unfinished.size >= MAX_UNFINISHED) this.#unfinished.clear();
      this.#unfinished.set(key, parts);
      return;
    }
    this.#unfinished.delete(key);
    const message: unknown = JSON.parse(parts.join(''));
    if (typeof message === 'string') this.#listener.onNodeMessage(threadId, message);
  }
}

const isInline = (body: Buffer): boolean => body.length <= INLINE_BYTES && isUtf8(body) && !body.includes(0);
