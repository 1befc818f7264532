import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { constants, deflateRawSync } from 'node:zlib';

/** A WebSocket client that says what it is told to, byte for byte, and reads only when it is told to. */
export interface RawClient {
  readonly socket: Socket;
  /** All that has been read, the answer to the handshake included. */
  readonly received: () => Buffer;
}

export async function connectRaw(port: number, options: { deflate?: boolean; path?: string } = {}): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  socket.on('error', () => {});
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const lines = [
    `GET ${options.path ?? '/'} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ];
  if (options.deflate === true) lines.push('Sec-WebSocket-Extensions: permessage-deflate');
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  return { socket, received: () => Buffer.concat(chunks) };
}

/** A masked frame (RFC 6455 section 5.2), its mask all zeros but one. */
export function clientFrame(firstByte: number, payload: Uint8Array): Buffer {
  const mask = Buffer.from([1, 0, 0, 0]);
  const head =
    payload.length < 126
      ? Buffer.from([firstByte, 0x80 | payload.length])
      : payload.length < 65_536
        ? Buffer.from([firstByte, 0x80 | 126, payload.length >> 8, payload.length & 0xff])
        : longHead(firstByte, payload.length);
  return Buffer.concat([head, mask, payload.map((byte, i) => (i % 4 === 0 ? byte ^ 1 : byte))]);
}

/** A text message, compressed as permessage-deflate wants it (RFC 7692 section 7.2.1). */
export function deflatedFrame(text: string): Buffer {
  const deflated = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
  return clientFrame(0xc1, deflated.subarray(0, -4));
}

function longHead(firstByte: number, length: number): Buffer {
  const head = Buffer.alloc(10);
  head[0] = firstByte;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}
