// Bun's own WebSocket server with its publish and subscribe.
import { serve } from './serve.js';

await serve(({ deflate = false }) => {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request, server) {
      const room = new URL(request.url).searchParams.get('room') ?? 'main';
      return server.upgrade(request, { data: { room } }) ? undefined : new Response('no', { status: 400 });
    },
    websocket: {
      perMessageDeflate: deflate,
      idleTimeout: 0,
      sendPings: false,
      // more than any row leaves unsent for one connection; above it Bun would drop messages
      backpressureLimit: 1024 * 1024 * 1024,
      open(socket) {
        socket.subscribe(socket.data.room);
      },
      message() {},
    },
  });
  return {
    port: server.port,
    versions: { bun: Bun.version },
    send(room, message) {
      server.publish(room, JSON.stringify(message), deflate);
    },
    members: (room) => server.subscriberCount(room),
  };
});
