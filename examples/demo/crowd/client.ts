import { closeCodes, SUBPROTOCOL } from 'threadcast';
import { WebSocket } from 'ws';
import { threads } from '../threads.ts';
import { readFrame, type Delivered } from './frame.ts';
import type { News } from './news.ts';
import { throttle } from './pace.ts';

/** First and longest wait before it connects again. */
const RETRY_MS = { first: 50, longest: 2_000 };

/** What a close code asks of a client; one that is in no table is a lost connection. */
const reconnects = new Map<number, string>(Object.values(closeCodes).map(({ code, reconnect }) => [code, reconnect]));

export interface ClientOptions {
  readonly url: string;
  readonly user: string;
  /** How fast its line is. @default as fast as it can */
  readonly bytesPerSecond?: number | undefined;
  /** Leaves the message with this number out of its books, to see the check fail. */
  readonly forgets?: number | undefined;
}

/**
 * A client as anybody could write it from the description of the wire: joins a thread, keeps its position, and comes back with
 * it when the connection ends with a code that allows it. What it gets goes into the books, that is to `tell`.
 */
export class CrowdClient {
  readonly #options: ClientOptions;
  readonly #tell: (news: News) => void;
  #socket: WebSocket | undefined;
  #epoch = '';
  #position: string | undefined;
  #received = 0;
  #failures = 0;
  #isEnded = false;

  constructor(options: ClientOptions, tell: (news: News) => void) {
    this.#options = options;
    this.#tell = tell;
  }

  connect(): void {
    const { url, user, bytesPerSecond } = this.#options;
    const socket = new WebSocket(`${url}?user=${user}`, SUBPROTOCOL, {
      maxPayload: 256 * 1024 * 1024,
      perMessageDeflate: false,
      // the digest of the bytes is the stronger check
      skipUTF8Validation: true,
    });
    this.#socket = socket;
    if (bytesPerSecond !== undefined) throttle(socket, bytesPerSecond);
    socket.on('open', () => {
      // from the start the first time: it may have connected while the first messages were under way
      socket.send(JSON.stringify({ t: 'join', th: threads.conversation, from: this.#position ?? 'start' }));
    });
    socket.on('message', (data) => {
      if (Buffer.isBuffer(data)) this.#take(data);
    });
    // `close` follows
    socket.on('error', () => {});
    socket.on('close', (code) => this.#closed(code));
  }

  /** Reads no more: no messages, no pings. What the kernel takes for it stays there. */
  stop(): void {
    this.#socket?.pause();
  }

  /** Reads on: what the kernel has kept, and then perhaps that the connection has ended. */
  wake(): void {
    this.#socket?.resume();
  }

  end(): void {
    this.#isEnded = true;
    this.#socket?.terminate();
  }

  #take(data: Buffer): void {
    const { user } = this.#options;
    const frame = readFrame(data);
    switch (frame.t) {
      case 'joined':
        this.#failures = 0;
        this.#tell({ what: 'joined', user, isResume: this.#position !== undefined, recovered: frame.recovered });
        this.#stand(frame.pos);
        return;
      case 'gap':
        this.#tell({ what: 'gap', user, why: frame.why });
        this.#stand(frame.pos);
        return;
      case 'messages':
        for (const message of frame.messages) this.#book(message);
        return;
      case 'other':
        return;
    }
  }

  #stand(position: string): void {
    this.#position = position;
    this.#epoch = position.split('.', 1)[0] ?? '';
  }

  #book({ isAhead, ...message }: Delivered): void {
    if (!isAhead) this.#position = `${this.#epoch}.${message.offset}.${message.id}`;
    if (++this.#received !== this.#options.forgets) this.#tell({ what: 'got', user: this.#options.user, message });
  }

  #closed(code: number): void {
    if (this.#isEnded) return;
    this.#tell({ what: 'closed', user: this.#options.user, code });
    if (reconnects.get(code) === 'never') return;
    const wait = Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** this.#failures++);
    // with jitter, so that those who were lost together do not come back together
    setTimeout(() => this.#isEnded || this.connect(), wait * (0.5 + Math.random()));
  }
}
