import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { closeCodes } from '../../wire/close-codes.ts';
import { binaryHeader } from '../../wire/frames.ts';
import { ThreadcastError } from '../../errors.ts';
import { isThreadId } from '../ids.ts';
import { decodeRecords, encodeRecord, textIn, type RelayFrame } from './frames.ts';
import { RecordBatch } from './record-batch.ts';
import type { RelayNode } from './relay-nodes.ts';
import { REQUESTS, type RelayDesk, type Requester } from './requests.ts';

/** Threads whose values one node watches, at most. */
const MAX_WATCHED = 1_000_000;

/** Requests that are not about a thread. */
const WITHOUT_THREAD: ReadonlySet<string> = new Set(['alive', 'farewell', 'sweep']);

/** One connection of a node. It has to say its name first. */
export class RelayPeer implements Requester {
  readonly #desk: RelayDesk;
  readonly #webSocket: WebSocket;
  /** Of the WebSocket: records are written to it directly, in whole frames and without a mask, which saves a second write for the header. */
  readonly #socket: Socket;
  readonly #maxBufferedBytes: number;
  readonly #watched = new Map<string, () => void>();
  readonly #threads = new Set<string>();
  #node: RelayNode | undefined;
  readonly #batch = new RecordBatch((records, bytes) => this.#write(records, bytes));

  constructor(webSocket: WebSocket, socket: Socket, desk: RelayDesk, maxBufferedBytes: number) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#desk = desk;
    this.#maxBufferedBytes = maxBufferedBytes;
    webSocket.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary) this.close(closeCodes.badMessage.code, 'a text');
      else for (const frame of decodeRecords(data)) this.#take(frame);
    });
    webSocket.on('error', () => {});
    webSocket.on('close', () => this.#end());
  }

  get node(): RelayNode {
    if (this.#node === undefined) throw new Error('a node without a name');
    return this.#node;
  }

  get nodeId(): string {
    return this.#node?.id ?? '';
  }

  send(record: Buffer): void {
    this.#batch.add(record);
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
  }

  #write(records: readonly Buffer[], bytes: number): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    // a node that reads too slowly begins anew: the log has what it misses
    if (this.#socket.writableLength > this.#maxBufferedBytes) this.#webSocket.terminate();
    else this.#socket.write(Buffer.concat([binaryHeader(bytes), ...records]));
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
    else this.#handle(textIn(t), r, frame, threadId);
  }

  #handle(t: string, r: unknown, frame: RelayFrame, threadId: string): void {
    try {
      const handler = Object.hasOwn(REQUESTS, t) ? REQUESTS[t] : undefined;
      if (handler === undefined) throw new Error('an unknown request');
      if (t === 'sub') this.#threads.add(threadId);
      if (t === 'unsub') this.#threads.delete(threadId);
      const answered = handler(this.#desk, this, frame, threadId);
      if (answered instanceof Promise)
        answered.then(
          ({ head, body }) => this.#answer(r, head, body),
          (error: unknown) => this.#refuse(r, error),
        );
      else this.#answer(r, answered.head, answered.body);
    } catch (error) {
      this.#refuse(r, error);
    }
  }

  #refuse(r: unknown, error: unknown): void {
    const why = error instanceof ThreadcastError ? error.code : error instanceof Error ? error.message : 'failed';
    const facts = error instanceof ThreadcastError && 'limit' in error && 'most' in error ? error : undefined;
    this.#answer(r, { why, limit: facts?.limit, most: facts?.most });
  }

  #answer(r: unknown, head: object, body?: readonly Uint8Array[]): void {
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
