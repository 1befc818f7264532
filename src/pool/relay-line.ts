import { ServerConnection } from '../client/connection.ts';
import type { ConnectionListener, StateChange } from '../client/connection-states.ts';
import type { ClientSettings } from '../client/options.ts';
import {
  bytesOfMessage,
  countIn,
  decodeRecords,
  encodeRecord,
  textIn,
  type RelayFrame,
} from '../infra/log/relay/frames.ts';
import { RecordBatch } from '../infra/log/relay/record-batch.ts';
import { RelayRefusal } from '../infra/log/relay/session.ts';
import { isUnwanted, type Line, type LineListener } from './line.ts';

interface Call {
  readonly resolve: (frame: RelayFrame) => void;
  readonly reject: (error: Error) => void;
}

/** One socket to a relay, from its handshake to its end. */
export class RelayLine implements Line, ConnectionListener {
  readonly threads = { size: 0 };
  readonly #listener: LineListener;
  readonly #onNews: (frame: RelayFrame) => void;
  readonly #connection: ServerConnection;
  readonly #calls = new Map<number, Call>();
  #refs = 0;
  #isGreeted = false;
  readonly #batch = new RecordBatch((records) => {
    if (!this.#isOver) this.#connection.send(Buffer.concat(records));
  });
  #isOver = false;

  constructor(settings: ClientSettings, listener: LineListener, onNews: (frame: RelayFrame) => void) {
    this.#listener = listener;
    this.#onNews = onNews;
    this.#connection = new ServerConnection(settings, this);
  }

  dial(): void {
    this.#connection.start();
  }

  tell(head: object, body?: readonly Uint8Array[]): void {
    this.#batch.add(encodeRecord(head, body));
  }

  /** Rejects when the line is lost before the answer, and with RelayRefusal. */
  call(head: object, body?: readonly Uint8Array[]): Promise<RelayFrame> {
    if (this.#isOver) return Promise.reject(new Error('the connection to the relay is lost'));
    const r = ++this.#refs;
    const answer = new Promise<RelayFrame>((resolve, reject) => this.#calls.set(r, { resolve, reject }));
    this.tell({ r, ...head }, body);
    return answer;
  }

  close(): void {
    // what was said before leaves first: a farewell
    this.#batch.flush();
    this.#end();
    this.#connection.close();
  }

  // --- events of the socket

  onState({ to, code = 1006, reason = '' }: StateChange): void {
    if (this.#isOver || (to !== 'waiting' && to !== 'closed')) return;
    this.#end();
    this.#connection.close();
    this.#listener.onLost({
      code,
      reason,
      isRefused: to === 'closed' || isUnwanted(code, this.#isGreeted),
      retryInMs: 0,
    });
  }

  onData(data: unknown): void {
    for (const frame of decodeRecords(bytesOfMessage(data))) this.#take(frame);
  }

  report(error: unknown): void {
    this.#listener.report(error);
  }

  #take(frame: RelayFrame): void {
    const { t, r, why, pingMs } = frame.head;
    if (t === 'hello') {
      this.#isGreeted = true;
      this.#connection.greeted(countIn(pingMs), undefined);
      this.#listener.onGreeted();
    } else if (r === undefined) this.#onNews(frame);
    else {
      const call = this.#calls.get(countIn(r));
      this.#calls.delete(countIn(r));
      if (why === undefined) call?.resolve(frame);
      else call?.reject(new RelayRefusal(frame.head, textIn(why)));
    }
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const error = new Error('the connection to the relay is lost');
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
