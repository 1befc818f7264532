// uWebSockets.js with its own publish and subscribe: C++, in Node 20, for which a build exists that older C libraries can load.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { serve } from './serve.js';

const require = createRequire(import.meta.url);
const uws = require('@based/uws');
// its package.json is not among its exports
const { version } = JSON.parse(
  readFileSync(new URL('../node_modules/@based/uws/package.json', import.meta.url), 'utf8'),
);

/** More than any row leaves unsent for one connection; above it uWebSockets.js would drop messages. */
const MAX_BACKPRESSURE = 1024 * 1024 * 1024;

await serve(async ({ deflate = false }) => {
  const app = uws.App();
  app.ws('/*', {
    compression: deflate ? uws.SHARED_COMPRESSOR : uws.DISABLED,
    maxBackpressure: MAX_BACKPRESSURE,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade(response, request, context) {
      response.upgrade(
        { room: request.getQuery('room') ?? 'main' },
        request.getHeader('sec-websocket-key'),
        request.getHeader('sec-websocket-protocol'),
        request.getHeader('sec-websocket-extensions'),
        context,
      );
    },
    open(socket) {
      socket.subscribe(socket.getUserData().room);
    },
  });
  const port = await new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (listening) => {
      if (listening) resolve(uws.us_socket_local_port(listening));
      else reject(new Error('no port'));
    });
  });
  return {
    port,
    versions: { '@based/uws': version, node: process.version },
    send(room, message) {
      app.publish(room, JSON.stringify(message), false, deflate);
    },
    members: (room) => app.numSubscribers(room),
  };
});
