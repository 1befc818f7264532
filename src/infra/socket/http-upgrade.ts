import { STATUS_CODES, type IncomingMessage } from 'node:http';
import { Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { closeCodes } from '../wire/close-codes.ts';
import { InvalidOptionError, UnsupportedSocketError } from '../errors.ts';
import { Refusal } from '../../api/refusal.ts';
import type { UpgradeServer } from '../../api/attach.ts';
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
  #isOver = false;
  #wasTaken = false;

  constructor(request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.request = request;
    this.#socket = socket;
    this.#head = head;
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

  /** Another listener of the server has answered, as one does that takes every path for its own. */
  get wasTaken(): boolean {
    return this.#wasTaken || (!this.#isOver && this.#socket.writableEnded);
  }

  /** Aborted when it is over without a 101. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Answers and closes. What is over already stays as it is. */
  refuse({ status, message }: Refusal): void {
    if (this.#isOver) return;
    this.#end();
    const socket = this.#socket;
    socket.once('finish', () => socket.destroy());
    if (socket instanceof Socket) socket.setTimeout(LINGER_MS, () => socket.destroy());
    socket.end(responseOf(status, message));
    this.#gone.abort();
  }

  /**
   * Answers with the 101, or with what `ws` says to a malformed request (400, 405).
   * @throws UnsupportedSocketError where the socket is none of `node:net` or `node:tls`: not answered yet. What `onOpen` throws, or
   *   `ws` because another handler took the socket, comes out too: it is over
   */
  complete(upgrader: WebSocketServer, onOpen: (webSocket: WebSocket, socket: Socket) => void): void {
    const socket = this.#socket;
    if (this.#isOver) return;
    if (!(socket instanceof Socket)) throw new UnsupportedSocketError({ reason: 'it is not a socket of node:net' });
    this.#end();
    // the 101 and what is said at once, all in one system call
    socket.cork();
    process.nextTick(uncork, socket);
    upgrader.handleUpgrade(this.request, socket, this.#head, (webSocket) => {
      socket.off('error', ignore);
      try {
        onOpen(webSocket, socket);
      } catch (error) {
        turnAway(webSocket, closeCodes.overloaded.code, closeCodes.overloaded.reason);
        throw error;
      }
    });
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

/** The request's path, as it was sent, without the query. */
export function pathOf(request: IncomingMessage): string {
  return request.url?.split('?', 1)[0] ?? '';
}

/** The request's query; never throws. */
export function queryOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams(request.url?.slice(pathOf(request).length));
}

/** Whether a page of this origin is of the host that the request went to, default ports counted as the browser does. */
export function isSameHost(origin: string, host: string | undefined): boolean {
  if (host === undefined || !/^[\w.:[\]-]+$/.test(host) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const target = `${page.protocol}//${host}`;
  return URL.canParse(target) && new URL(target).host === page.host;
}

/** Takes the requests to upgrade of one path. */
export interface Route {
  /** One that is not may be replaced: it only refuses. */
  readonly isOpen: boolean;
  take(handshake: Handshake): void;
}

/** One listener for each server, so that several routes know of each other. */
const routers = new WeakMap<NetServer, Router>();

/**
 * Sends a path's requests to upgrade to the route. Requests for other paths are left alone where the server has other `upgrade`
 * listeners; where it has none, nobody would ever answer them, and they get a 404.
 *
 * @returns the function that takes the route away
 * @throws InvalidOptionError (`TC_INVALID_OPTION`): no such server, or the path has an open route already
 */
export function routeUpgrades(server: UpgradeServer, path: string, route: Route): () => void {
  if (!(server instanceof NetServer)) {
    throw new InvalidOptionError({ option: 'server', value: server, expected: 'a server of node:http or node:https' });
  }
  const router = routers.get(server) ?? new Router(server);
  return router.add(path, route);
}

class Router {
  readonly #server: NetServer;
  readonly #routes = new Map<string, Route>();

  constructor(server: NetServer) {
    this.#server = server;
    routers.set(server, this);
  }

  add(path: string, route: Route): () => void {
    if (this.#routes.get(path)?.isOpen === true) {
      throw new InvalidOptionError({ option: 'path', value: path, expected: 'a path that is not attached yet' });
    }
    if (this.#routes.size === 0) this.#server.on('upgrade', this.#onUpgrade);
    this.#routes.set(path, route);
    return () => {
      if (this.#routes.get(path) !== route) return;
      this.#routes.delete(path);
      if (this.#routes.size === 0) this.#server.off('upgrade', this.#onUpgrade);
    };
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const route = this.#routes.get(pathOf(request));
    if (route !== undefined) route.take(new Handshake(request, socket, head));
    else if (this.#server.listenerCount('upgrade') === 1) new Handshake(request, socket, head).refuse(new Refusal(404));
  };
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

function uncork(socket: Socket): void {
  socket.uncork();
}

/** A socket's error is followed by its `close`. */
function ignore(): void {}
