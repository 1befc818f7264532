import type { WebSocket } from 'ws';
import { closeCodes } from '../../wire/close-codes.ts';
import { ThreadcastError } from '../../errors.ts';
import { isThreadId } from '../ids.ts';
import { decodeRecords, encodeRecord, textIn, type RelayFrame } from './frames.ts';
import type { RelayNode } from './relay-nodes.ts';
import { REQUESTS, type RelayDesk, type Requester } from './requests.ts';

/** Records that leave in one WebSocket message. */
const BATCH_UNITS = 65_536;

/** Threads whose values one node watches, at most. */
const MAX_WATCHED = 1_000_000;

/** Requests that are not about a thread. */
const WITHOUT_THREAD: ReadonlySet<string> = new Set(['alive', 'farewell', 'sweep']);

/** One connection of a node. It has to say its name first. */
export class RelayPeer implements Requester {
  readonly #desk: RelayDesk;
  readonly #socket: WebSocket;
  readonly #maxBufferedBytes: number;
  readonly #watched = new Map<string, () => void>();
  readonly #threads = new Set<string>();
  #node: RelayNode | undefined;
  #batch: string[] = [];
  #units = 0;

  constructor(socket: WebSocket, desk: RelayDesk, maxBufferedBytes: number) {
    this.#socket = socket;
    this.#desk = desk;
    this.#maxBufferedBytes = maxBufferedBytes;
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) socket.close(closeCodes.badMessage.code, 'no text');
      else for (const frame of decodeRecords(data.toString())) this.#take(frame);
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#end());
  }

  get node(): RelayNode {
    if (this.#node === undefined) throw new Error('a node without a name');
    return this.#node;
  }

  get nodeId(): string {
    return this.#node?.id ?? '';
  }

  send(record: string): void {
    this.#batch.push(record);
    this.#units += record.length;
    if (this.#units >= BATCH_UNITS) this.#flush();
    else if (this.#batch.length === 1) queueMicrotask(() => this.#flush());
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    const text = this.#batch.join('');
    this.#batch = [];
    this.#units = 0;
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    // a node that reads too slowly begins anew: the log has what it misses
    if (this.#socket.bufferedAmount > this.#maxBufferedBytes) this.terminate();
    else this.#socket.send(text);
  }

  #take(frame: RelayFrame): void {
    const { t, r, th, id } = frame.head;
    if (this.#node === undefined) {
      if (t === 'node' && textIn(id) !== '') this.#node = this.#desk.nodes.register(textIn(id));
      else this.close(closeCodes.badMessage.code, 'no name');
      return;
    }
    const threadId = textIn(th);
    if (!isThreadId(threadId) && !WITHOUT_THREAD.has(textIn(t))) {
      this.#answer(r, { why: 'TC_INVALID_THREAD_ID' });
      return;
    }
    this.#desk.nodes.heard(this.#node);
    if (t === 'watch') this.#watch(threadId);
    else if (t === 'unwatch') this.#unwatch(threadId);
    else void this.#handle(textIn(t), r, frame, threadId);
  }

  /** Never rejects. */
  async #handle(t: string, r: unknown, frame: RelayFrame, threadId: string): Promise<void> {
    try {
      const handler = Object.hasOwn(REQUESTS, t) ? REQUESTS[t] : undefined;
      if (handler === undefined) throw new Error('an unknown request');
      if (t === 'sub') this.#threads.add(threadId);
      if (t === 'unsub') this.#threads.delete(threadId);
      const answered = handler(this.#desk, this, frame, threadId);
      const { head, body } = answered instanceof Promise ? await answered : answered;
      this.#answer(r, head, body);
    } catch (error) {
      const why = error instanceof ThreadcastError ? error.code : error instanceof Error ? error.message : 'failed';
      const facts = error instanceof ThreadcastError && 'limit' in error && 'most' in error ? error : undefined;
      this.#answer(r, { why, limit: facts?.limit, most: facts?.most });
    }
  }

  #answer(r: unknown, head: object, body?: string): void {
    if (r !== undefined) this.send(encodeRecord({ r, ...head }, body));
  }

  #watch(threadId: string): void {
    this.#unwatch(threadId);
    const { values } = this.#desk.log;
    if (values === undefined || this.#watched.size >= MAX_WATCHED) return;
    const unwatch = values.watch(threadId, (l, isWhole) =>
      this.send(encodeRecord({ t: 'vals', th: threadId, l, all: isWhole ? true : undefined })),
    );
    this.#watched.set(threadId, unwatch);
  }

  #unwatch(threadId: string): void {
    this.#watched.get(threadId)?.();
    this.#watched.delete(threadId);
  }

  #end(): void {
    for (const threadId of this.#watched.keys()) this.#unwatch(threadId);
    for (const threadId of this.#threads) this.#desk.leave(threadId, this);
    this.#threads.clear();
  }
}
