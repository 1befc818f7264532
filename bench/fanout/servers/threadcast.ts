// threadcast behind an HTTP server. `link` and `telemetry` put nothing in the place of a part of it, to see what that costs.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { INVALID_SPAN_CONTEXT, trace, type Tracer } from '@opentelemetry/api';
import { WebSocketServer } from 'ws';
import { createHub } from '../../../src/index.ts';
import { discardLink } from './discard-link.ts';
import { listen } from './listen.ts';
import { roomOf } from './rooms.ts';
import { serve } from './serve.js';

const require = createRequire(import.meta.url);

/** Less than the API does without an SDK: not even a look at the context. */
const span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
const silent: Tracer = { startSpan: () => span, startActiveSpan: () => raise('not used by threadcast') };

function raise(message: string): never {
  throw new Error(message);
}

await serve(async ({ format = 'json', deflate = false, link = 'own', telemetry = 'api', hub: hubOptions = {} }) => {
  const hub = createHub({ ...hubOptions, ...(telemetry === 'none' ? { tracer: silent } : {}) });
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
      hub.accept(link === 'ws' ? socket : discardLink(), { format, data: roomOf(url) });
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
    flying: () => hub.stats().nativeConnections,
  };
});
