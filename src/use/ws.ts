import type { IncomingMessage } from 'node:http';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Hub } from '../api/hub.ts';
import type { Session } from '../api/session.ts';
import type { ServerWebSocket } from '../api/socket.ts';
import { pathOf } from '../infra/socket/request-target.ts';
import { Acceptor, type AcceptServeOptions } from './accept.ts';

/** A server of the `ws` package 8.x, as far as it is used. */
export interface WebSocketServerLike {
  on(event: 'connection', listener: (socket: ServerWebSocket, request: IncomingMessage) => void): unknown;
  off(event: 'connection', listener: (socket: ServerWebSocket, request: IncomingMessage) => void): unknown;
}

export interface WsServeOptions<
  S extends Session = Session,
  Definition extends ThreadDefinition = never,
> extends AcceptServeOptions<IncomingMessage, S, Definition> {
  /** Only WebSockets of this path, without a query; others are left to other listeners. @default all */
  path?: string | undefined;
}

/**
 * Takes the WebSockets of a server of the `ws` package. Without such a server, `hub.attach` does the handshakes itself.
 *
 * ```ts
 * const wss = new WebSocketServer({ server, path: '/chat' });
 * serveHub(hub, wss, { authenticate: ({ headers }) => sessionOf(headers.cookie), authorize, onPublish });
 * ```
 *
 * A client that is refused gets a close code, after the handshake. Clients do not join threads by their URL (`?thread=`).
 *
 * @returns the function that ends this; connections stay
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function serveHub<S extends Session = Session, Definition extends ThreadDefinition = never>(
  hub: Hub<Definition>,
  server: WebSocketServerLike,
  { path, ...options }: WsServeOptions<S, Definition>,
): () => void {
  const acceptor = new Acceptor<IncomingMessage, S, Definition>(hub, options);
  const onConnection = (socket: ServerWebSocket, request: IncomingMessage): void => {
    if (path !== undefined && pathOf(request) !== path) return;
    const ignore = (): void => {};
    // until the hub has it
    socket.on('error', ignore);
    socket.pause?.();
    void acceptor.ask(request, request).then((answer) => {
      // closed meanwhile
      if (socket.readyState !== 1) return;
      socket.off('error', ignore);
      acceptor.open(socket, request, answer);
      socket.resume?.();
    });
  };
  server.on('connection', onConnection);
  return () => void server.off('connection', onConnection);
}
