// Socket.IO 4 with its own rooms, over WebSocket only.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { Server } from 'socket.io';
import { listen } from './listen.ts';
import { serve } from './serve.js';

const require = createRequire(import.meta.url);

await serve(async ({ deflate = false }) => {
  const server = createServer();
  // without that, even the first packets are compressed, whatever the threshold, and the load client does not inflate
  const compression = { threshold: 1024, serverNoContextTakeover: true };
  const io = new Server(server, {
    transports: ['websocket'],
    perMessageDeflate: deflate && compression,
    serveClient: false,
  });
  io.on('connection', (socket) => {
    void socket.join(socket.handshake.query.room);
  });
  return {
    port: await listen(server),
    versions: { 'socket.io': require('socket.io/package.json').version, node: process.version },
    send(room, message) {
      io.to(room).emit('m', message);
    },
    members: (room) => io.sockets.adapter.rooms.get(room)?.size ?? 0,
  };
});
