import { STATUS_CODES, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { closeCodes } from '../wire/close-codes.ts';
import { UnsupportedSocketError } from '../errors.ts';
import type { Refusal } from '../../api/refusal.ts';
import { turnAway } from './ws-link.ts';

/** Seconds in the `Retry-After` of a 429 or 503 (RFC 9110 section 10.2.3). */
const RETRY_AFTER_S = 5;

/** A refused peer that does not take its answer is cut off after this time. */
const LINGER_MS = 5_000;

/** A request to upgrade, from the event until it is over: answered, refused, or its socket gone. */
export class Handshake {
  readonly request: IncomingMessage;
  readonly #socket: Duplex;
  readonly #head: Buffer;
  readonly #gone = new AbortController();
  readonly #writtenBefore: number | undefined;
  #isOver = false;
  #wasTaken = false;

  constructor(request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.request = request;
    this.#socket = socket;
    this.#head = head;
    this.#writtenBefore = writtenBytesOf(socket);
    // from the event on nobody else listens: without this, a reset would end the process
    socket.on('error', ignore);
    // the server lets sockets be half open: a peer that ends its side during a handshake has gone
    socket.once('end', this.#onGone);
    socket.once('close', this.#onGone);
  }

  /** There is nothing to answer any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Another listener of the server has answered, is about to, or has destroyed the socket, as one does that takes every path for its
   * own. The socket is left to it.
   */
  get wasTaken(): boolean {
    return this.#wasTaken || (!this.#isOver && this.#isInOtherHands);
  }

  get #isInOtherHands(): boolean {
    const socket = this.#socket;
    // a peer's reset is an error, its end comes before: without either, it was destroyed here
    const isDestroyed = socket.destroyed && !socket.errored;
    return isDestroyed || socket.writableEnded || writtenBytesOf(socket) !== this.#writtenBefore || hasResponse(socket);
  }

  /** Aborted when it is over without a 101. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Answers and closes. What is over already stays as it is, and what others have answered is theirs: false. */
  refuse({ status, message }: Refusal): boolean {
    if (this.#isOver) return false;
    if (this.#isInOtherHands) {
      this.#wasTaken = true;
      this.#end();
      this.#gone.abort();
      return false;
    }
    this.#end();
    const socket = this.#socket;
    socket.once('finish', () => socket.destroy());
    if (socket instanceof Socket) socket.setTimeout(LINGER_MS, () => socket.destroy());
    socket.end(responseOf(status, message));
    this.#gone.abort();
    return true;
  }

  /**
   * Answers with the 101, or with what `ws` says to a malformed request: then with the status of that (400, 405).
   * @throws UnsupportedSocketError where the socket is none of `node:net` or `node:tls`: not answered yet. What `onOpen` throws, or
   *   `ws` because another handler took the socket, comes out too: it is over
   */
  complete(upgrader: WebSocketServer, onOpen: (webSocket: WebSocket, socket: Socket) => void): number | undefined {
    const socket = this.#socket;
    if (this.#isOver) return undefined;
    if (!(socket instanceof Socket)) throw new UnsupportedSocketError({ reason: 'it is not a socket of node:net' });
    this.#end();
    // the 101 and what is said at once, all in one system call
    socket.cork();
    process.nextTick(uncork, socket);
    let isOpen = false;
    upgrader.handleUpgrade(this.request, socket, this.#head, (webSocket) => {
      isOpen = true;
      socket.off('error', ignore);
      try {
        onOpen(webSocket, socket);
      } catch (error) {
        turnAway(webSocket, closeCodes.overloaded.code, closeCodes.overloaded.reason);
        throw error;
      }
    });
    if (isOpen || !socket.writableEnded || socket.destroyed) return undefined;
    return this.request.method === 'GET' ? 400 : 405;
  }

  readonly #onGone = (): void => {
    this.#wasTaken = this.wasTaken;
    this.#end();
    this.#socket.destroy();
    this.#gone.abort();
  };

  #end(): void {
    this.#isOver = true;
    this.#socket.off('end', this.#onGone);
    this.#socket.off('close', this.#onGone);
  }
}

/** The `ws` server that does handshakes and input for one format. */
export function makeUpgrader(options: {
  /** Selected where the client offers it; undefined selects none. */
  readonly protocol: string | undefined;
  readonly maxPayload: number;
  readonly maxFragments: number;
  /** Negotiate permessage-deflate. */
  readonly compress: boolean;
}): WebSocketServer {
  const { protocol, maxPayload, maxFragments, compress } = options;
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // without context on either side: frames compressed for all may come between, and an idle connection holds no window
    perMessageDeflate: compress && { serverNoContextTakeover: true, clientNoContextTakeover: true },
    maxPayload,
    maxFragments,
    handleProtocols: (offered) => (protocol !== undefined && offered.has(protocol) ? protocol : false),
  });
}

function responseOf(status: number, message: string): string {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(message)}`,
  ];
  if (status === 429 || status === 503) lines.push(`Retry-After: ${RETRY_AFTER_S}`);
  return `${lines.join('\r\n')}\r\n\r\n${message}`;
}

/** Undefined where the socket does not count. */
function writtenBytesOf(socket: Duplex): number | undefined {
  const bytes: unknown = Reflect.get(socket, 'bytesWritten');
  return typeof bytes === 'number' ? bytes : undefined;
}

/** A `ServerResponse` has been put on the socket (`assignSocket`), as frameworks do that route upgrades like requests. */
function hasResponse(socket: Duplex): boolean {
  const response: unknown = Reflect.get(socket, '_httpMessage');
  return typeof response === 'object' && response !== null;
}

function uncork(socket: Socket): void {
  socket.uncork();
}

/** A socket's error is followed by its `close`. */
function ignore(): void {}
