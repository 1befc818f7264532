// The least that Node can do: raw sockets, one shared frame, a loop of `write`. No WebSocket library, no backpressure, nothing.
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { shakeHands } from './handshake.ts';
import { listen } from './listen.ts';
import { roomOf, Rooms } from './rooms.ts';
import { serve } from './serve.js';

await serve(async () => {
  const server = createServer();
  const rooms = new Rooms<Socket>();
  server.on('upgrade', (request, duplex) => {
    const socket = shakeHands(request, duplex);
    const room = roomOf(request.url);
    rooms.join(room, socket);
    socket.on('close', () => rooms.leave(room, socket));
  });
  return {
    port: await listen(server),
    versions: { node: process.version },
    send(room, message) {
      const frame = textFrame(JSON.stringify(message));
      for (const socket of rooms.of(room)) socket.write(frame);
    },
    members: (room) => rooms.of(room).size,
  };
});

/** An unmasked text frame (RFC 6455 section 5.2). */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const { length } = payload;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = 0x81;
  header[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (header.length === 4) header.writeUInt16BE(length, 2);
  else if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, payload]);
}
