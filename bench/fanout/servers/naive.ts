// What most applications write: one JSON.stringify, and a loop of `send`.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { WebSocketServer, type WebSocket } from 'ws';
import { listen } from './listen.ts';
import { roomOf, Rooms } from './rooms.ts';
import { serve } from './serve.js';

await serve(async ({ deflate = false }) => {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: deflate });
  const rooms = new Rooms<WebSocket>();
  sockets.on('connection', (socket, request) => {
    const room = roomOf(request.url);
    rooms.join(room, socket);
    socket.on('error', () => {});
    socket.on('close', () => rooms.leave(room, socket));
  });
  return {
    port: await listen(server),
    versions: { ws: createRequire(import.meta.url)('ws/package.json').version, node: process.version },
    send(room, message) {
      const text = JSON.stringify(message);
      for (const socket of rooms.of(room)) socket.send(text);
    },
    members: (room) => rooms.of(room).size,
  };
});
