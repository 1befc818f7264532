// Socket.IO 4 with its Redis Streams adapter, over WebSocket only; defaults otherwise.
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { serve } from '../work.ts';

await serve(async (url) => {
  const client = createClient({ url });
  await client.connect();
  const server = createServer();
  const io = new Server(server, { transports: ['websocket'], serveClient: false, adapter: createAdapter(client) });
  io.on('connection', (socket) => {
    socket.on('join', async (rooms, done) => {
      await socket.join(rooms);
      done();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    async publish(thread, message) {
      io.to(thread).emit('m', message);
    },
  };
});
