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

/** A refused client that does not accept its answer is cut off after this time. */
const LINGER_MS = 5_000;

/** An upgrade request, from the event until it is answered, refused, or its socket is gone. */
export class Handshake {
  readonly request: IncomingMessage;
  /** The client has sent it behind a request without an answer yet: nothing may be written before that answer (RFC 9112 section 9.3.2). */
  readonly isPipelined: boolean;
  readonly #socket: Duplex;
  readonly #head: Buffer;
  readonly #writtenBefore: number | undefined;
  /** Made when the application reads the signal: most applications never do. */
  #abortController: AbortController | undefined;
  #isOver = false;
  #isGone = false;
  #wasTaken = false;

  constructor(request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.request = request;
    this.#socket = socket;
    this.#head = head;
    this.#writtenBefore = writtenBytesOf(socket);
    this.isPipelined = isForOther(responseOn(socket), request);
    // from now on it has no other error listener: without this, a reset would end the process
    socket.on('error', ignore);
    // the server allows half-open sockets: a client that ends its side during a handshake has gone
    socket.on('end', this.#onGone);
    socket.on('close', this.#onGone);
  }

  /** Nothing is left to answer. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Another listener of the server has answered, is about to, or has destroyed the socket, as a listener does that claims every path. The
   * socket is left to it.
   */
  get wasTaken(): boolean {
    return this.#wasTaken || (!this.#isOver && this.#isInOtherHands);
  }

  get #isInOtherHands(): boolean {
    const socket = this.#socket;
    // a client's reset is an error, and its end is an event: without either, this process destroyed the socket
    const isDestroyed = socket.destroyed && !socket.errored;
    return (
      isDestroyed ||
      socket.writableEnded ||
      writtenBytesOf(socket) !== this.#writtenBefore ||
      responseOn(socket) !== undefined
    );
  }

  /** The socket can become a WebSocket. */
  get canUpgrade(): boolean {
    return this.#socket instanceof Socket;
  }

  /** The handshake has ended without a 101. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Aborted when the handshake ends without a 101. */
  get signal(): AbortSignal {
    this.#abortController ??= new AbortController();
    if (this.#isGone) this.#abortController.abort();
    return this.#abortController.signal;
  }

  /** Answers and closes. False if the handshake is already over, or if another listener has answered. */
  refuse({ status, message }: Refusal): boolean {
    if (!this.#isMine()) return false;
    this.#end();
    const socket = this.#socket;
    socket.once('finish', () => socket.destroy());
    if (socket instanceof Socket) socket.setTimeout(LINGER_MS, () => socket.destroy());
    socket.end(responseOf(status, message));
    this.#abort();
    return true;
  }

  /**
   * Answers with the 101 and hands the WebSocket over to be closed, or lets `ws` answer a malformed request. False as with `refuse`.
   * @throws as `complete`
   */
  turnAway(upgrader: WebSocketServer, close: (webSocket: WebSocket) => void): boolean {
    if (!this.#isMine()) return false;
    this.complete(upgrader, close);
    this.#abort();
    return true;
  }

  /** Ends it without an answer. */
  drop(): void {
    this.#end();
    this.#socket.destroy();
    this.#abort();
  }

  #isMine(): boolean {
    if (this.#isOver) return false;
    if (!this.#isInOtherHands) return true;
    this.#wasTaken = true;
    this.#end();
    this.#abort();
    return false;
  }

  /**
   * Answers with the 101, or with what `ws` answers to a malformed request: then it returns the status of that (400, 405).
   * @throws UnsupportedSocketError if the socket is not of `node:net` or `node:tls`; it is then not answered yet. It also throws what
   * `onOpen` throws, and what `ws` throws because another handler took the socket; the handshake is then over
   */
  complete(upgrader: WebSocketServer, onOpen: (webSocket: WebSocket, socket: Socket) => void): number | undefined {
    const socket = this.#socket;
    if (this.#isOver) return undefined;
    if (!(socket instanceof Socket)) throw new UnsupportedSocketError({ reason: 'it is not a socket of node:net' });
    this.#end();
    // sends the 101 and the first notices in one system call
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
    this.drop();
  };

  #abort(): void {
    this.#isGone = true;
    this.#abortController?.abort();
  }

  #end(): void {
    this.#isOver = true;
    this.#socket.off('end', this.#onGone);
    this.#socket.off('close', this.#onGone);
  }
}

/** The `ws` server that does handshakes and input for one format. */
export function makeUpgrader(options: {
  /** Selected if the client offers it; undefined selects none. */
  readonly protocol: string | undefined;
  readonly maxPayload: number;
  readonly maxFragments: number;
  /** Negotiates permessage-deflate. */
  readonly compress: boolean;
}): WebSocketServer {
  const { protocol, maxPayload, maxFragments, compress } = options;
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // no context takeover on either side: frames compressed for all connections may come between, and an idle connection holds no window
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

/** Undefined if the socket does not count. */
function writtenBytesOf(socket: Duplex): number | undefined {
  const bytes: unknown = Reflect.get(socket, 'bytesWritten');
  return typeof bytes === 'number' ? bytes : undefined;
}

/** A `ServerResponse` is attached to the socket (`assignSocket`), as by frameworks that route upgrades like requests. */
function responseOn(socket: Duplex): object | undefined {
  const response: unknown = Reflect.get(socket, '_httpMessage');
  return typeof response === 'object' && response !== null ? response : undefined;
}

function isForOther(response: object | undefined, request: IncomingMessage): boolean {
  return response !== undefined && Reflect.get(response, 'req') !== request;
}

function uncork(socket: Socket): void {
  socket.uncork();
}

/** A socket's error is followed by its `close`. */
function ignore(): void {}
