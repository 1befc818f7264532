import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The 101 by hand, and nothing of a WebSocket after it: what the client says is thrown away. */
export function shakeHands(request: IncomingMessage, duplex: Duplex): Socket {
  if (!(duplex instanceof Socket)) throw new Error('not a socket of node:net');
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
  duplex.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  duplex.setNoDelay(true);
  duplex.on('error', () => {});
  duplex.on('data', () => {});
  return duplex;
}
