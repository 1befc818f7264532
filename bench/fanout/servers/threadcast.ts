// threadcast behind an HTTP server. `link` puts something else in the place of its own way to the socket, to see what each layer
// costs.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { WebSocketServer } from 'ws';
import { createHub } from '../../../src/index.ts';
import { discardLink, socketLink } from './links.ts';
import { listen } from './listen.ts';
import { roomOf } from './rooms.ts';
import { serve } from './serve.js';

const require = createRequire(import.meta.url);

await serve(async ({ format = 'json', deflate = false, link = 'own', hub: hubOptions = {} }) => {
  const hub = createHub(hubOptions);
  const server = createServer();
  const report = (error: unknown): void => console.error(error);
  hub.on('error', report);
  hub.on('connection', (connection) => {
    connection.join(String(connection.data)).catch(report);
  });
  if (link === 'own') {
    hub.attach(server, { compress: deflate, authenticate: ({ url }) => ({ data: roomOf(url), format }) });
  } else {
    const sockets = new WebSocketServer({ server, perMessageDeflate: false });
    sockets.on('connection', (socket, { url }) => {
      const accepted = link === 'ws' ? socket : link === 'socket' ? socketLink(socket) : discardLink();
      hub.accept(accepted, { format, data: roomOf(url) });
    });
  }
  return {
    port: await listen(server),
    versions: {
      threadcast: require('../../../package.json').version,
      ws: require('../../../node_modules/ws/package.json').version,
      node: process.version,
    },
    send(room, message) {
      return hub.thread(room).send(message).catch(report);
    },
    members: (room) => hub.thread(room).members.length,
  };
});
