import { Socket } from 'node:net';
import type { Link, LinkListener } from '../../../src/index.ts';
import type { WebSocket } from 'ws';

/**
 * The hub over a bare socket: no `ws` of ours in between, no callback of a body. What remains above the hand-written loop is
 * pump, log and actors.
 */
export function socketLink(webSocket: WebSocket): (listener: LinkListener) => Link {
  const socket: unknown = Reflect.get(webSocket, '_socket');
  if (!(socket instanceof Socket)) throw new Error('not a server-side WebSocket of the ws package');
  return (listener) => {
    socket.on('drain', () => listener.onDrain());
    webSocket.on('pong', (data) => listener.onPong(Number(data.toString())));
    webSocket.on('error', () => {});
    webSocket.once('close', (code, reason) => listener.onClose(code, reason.toString()));
    return {
      get unsentBytes() {
        return socket.writableLength;
      },
      get takenBytes() {
        return socket.bytesWritten - socket.writableLength;
      },
      write(piece) {
        for (const part of piece) socket.write(part);
      },
      cork: () => socket.cork(),
      uncork: () => socket.uncork(),
      ping: (seq) => webSocket.ping(String(seq)),
      close: (code, reason) => webSocket.close(code, reason),
      terminate: () => webSocket.terminate(),
    };
  };
}

/** The hub over nothing: all that is written has arrived. What remains is our own JavaScript. */
export function discardLink(): (listener: LinkListener) => Link {
  return (listener) => {
    let takenBytes = 0;
    return {
      unsentBytes: 0,
      get takenBytes() {
        return takenBytes;
      },
      write(piece) {
        for (const part of piece) takenBytes += part.length;
      },
      cork: () => {},
      uncork: () => {},
      ping: (seq) => queueMicrotask(() => listener.onPong(seq)),
      close: (code, reason) => queueMicrotask(() => listener.onClose(code, reason)),
      terminate: () => queueMicrotask(() => listener.onClose(1006, '')),
    };
  };
}
