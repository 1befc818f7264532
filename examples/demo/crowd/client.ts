import { closeCodes, SUBPROTOCOL } from 'threadcast';
import { WebSocket } from 'ws';
import { threads } from '../threads.ts';
import { readFrame, type Delivered } from './frame.ts';
import type { News } from './news.ts';
import { throttle } from './pace.ts';

/** First and longest wait before it connects again. */
const RETRY_MS = { first: 50, longest: 2_000 };

/** How long a client has no line that was dropped. */
const OFFLINE_MS = 3_000;

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
  /** Of the token streams that are under way, what has come. */
  readonly #texts = new Map<string, string>();
  #failures = 0;
  #isEnded = false;
  #isOffline = false;

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
      const has = Object.fromEntries([...this.#texts].map(([stream, text]) => [stream, text.length]));
      socket.send(JSON.stringify({ t: 'join', th: threads.conversation, from: this.#position ?? 'start', s: has }));
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

  /** Loses its line, and has none for some seconds. */
  drop(): void {
    this.#isOffline = true;
    this.#socket?.terminate();
    setTimeout(() => {
      this.#isOffline = false;
      this.connect();
    }, OFFLINE_MS);
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
        // those that are under way begin anew
        this.#texts.clear();
        return;
      case 'text':
        this.#write(frame.stream, frame.at, frame.text);
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

  #write(stream: string, at: number, text: string): void {
    const known = this.#texts.get(stream) ?? '';
    if (at <= known.length) this.#texts.set(stream, known + text.slice(known.length - at));
  }

  #book({ isAhead, text, ...message }: Delivered): void {
    const { user, forgets } = this.#options;
    // what overtakes is a visitor's word: it is not in the books, and may come again at its place
    if (isAhead) return;
    this.#position = `${this.#epoch}.${message.offset}.${message.id}`;
    const streamed = this.#texts.get(message.id) ?? '';
    this.#texts.delete(message.id);
    // what came in pieces must be what the final message says
    const digest = streamed === '' || text().startsWith(streamed) ? message.digest : 'torn';
    if (++this.#received !== forgets) {
      this.#tell({ what: 'got', user, message: { ...message, digest }, streamed: streamed.length });
    }
  }

  #closed(code: number): void {
    if (this.#isEnded) return;
    this.#tell({ what: 'closed', user: this.#options.user, code });
    if (this.#isOffline || reconnects.get(code) === 'never') return;
    const wait = Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** this.#failures++);
    // with jitter, so that those who were lost together do not come back together
    setTimeout(() => this.#isEnded || this.connect(), wait * (0.5 + Math.random()));
  }
}
