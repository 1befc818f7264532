import { Socket } from 'node:net';
import { UnsupportedSocketError } from '../errors.ts';
import type { NativeSender } from '../native/native-sender.ts';
import { hasErrorBoundary, setErrorBoundary } from './error-boundary.ts';
import { canFly, FlyingLink } from './flying-link.ts';
import { ignore, OPEN, SocketLink } from './socket-link.ts';
import type { Link, LinkListener, ServerWebSocket } from '../../api/socket.ts';

/**
 * A `ws` WebSocket as a link. `ws` keeps the receiver and the control frames. Data frames are written directly to its socket, because they
 * are encoded once for all connections. Both go through the same socket in whole frames (or whole fragments, between which RFC 6455 section
 * 5.4 allows control frames), so they never mix.
 *
 * @throws UnsupportedSocketError (`TC_UNSUPPORTED_SOCKET`)
 */
export function wsLink(webSocket: ServerWebSocket, listener: LinkListener): Link {
  return new SocketLink(webSocket, socketOf(webSocket), listener);
}

/**
 * Closes a WebSocket that gets no connection. It is still read until its client has answered, so it has an error boundary as well. A
 * WebSocket that already has a connection is left alone.
 */
export function turnAway(webSocket: ServerWebSocket, code: number, reason: string): void {
  if (hasErrorBoundary(webSocket)) return;
  const socket: unknown = Reflect.get(webSocket, '_socket');
  if (socket instanceof Socket) setErrorBoundary(webSocket, socket, { failed: () => socket.destroy() });
  webSocket.on('error', ignore);
  webSocket.close(code, reason);
}

/**
 * Like `wsLink`, for a WebSocket whose socket is known, because the `upgrade` event of the HTTP server handed it over.
 * @param sender sends frames that many connections get, if there is one and the socket is plain TCP
 */
export function wsSocketLink(
  webSocket: ServerWebSocket,
  socket: Socket,
  listener: LinkListener,
  sender: NativeSender | undefined,
): Link {
  if (sender === undefined || !canFly(socket)) return new SocketLink(webSocket, socket, listener);
  return new FlyingLink(webSocket, socket, listener, sender);
}

/** `ws` does not publish its socket: this is the only, guarded access to it. */
export function socketOf(webSocket: unknown): Socket {
  if (typeof webSocket !== 'object' || webSocket === null) {
    throw new UnsupportedSocketError({ reason: 'it is no WebSocket' });
  }
  const socket: unknown = Reflect.get(webSocket, '_socket');
  if (Reflect.get(webSocket, 'readyState') !== OPEN) throw new UnsupportedSocketError({ reason: 'it is not open' });
  if (!(socket instanceof Socket) || Reflect.get(webSocket, '_isServer') === false) {
    throw new UnsupportedSocketError({ reason: 'it is not a server-side WebSocket of the ws package 8.x' });
  }
  return socket;
}
