import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Hub } from '../api/hub.ts';
import { inspectorHandler } from './handler.ts';
import { resolveAddress, type InspectorServerOptions } from './options.ts';

/** Requests are small and quick; whoever is slow is cut off. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Sockets at most: each page has a few. */
const MAX_SOCKETS = 256;

/** An inspector that listens on a port of its own. */
export interface InspectorServer {
  /** Of the page; without a `token`, with the key that was made instead, which is for nobody else. */
  readonly url: string;
  readonly port: number;
  /** Resolves when the port is free. */
  close(): Promise<void>;
}

/**
 * Opens the inspector on a port of its own:
 *
 * ```ts
 * const { url } = await inspector(hub, { port: 9_090 });
 * ```
 *
 * It keeps no process alive.
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`); what `listen` throws, `EADDRINUSE` for one
 */
export async function inspector(hub: Hub, options: InspectorServerOptions = {}): Promise<InspectorServer> {
  const { host, port } = resolveAddress(options);
  const { host: _, port: __, ...watching } = options;
  const handler = inspectorHandler(hub, { ...watching, path: '/' });
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, handler);
  server.maxConnections = MAX_SOCKETS;
  server.listen(port, host);
  await once(server, 'listening');
  server.unref();
  const address = server.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${name}:${boundPort}${handler.location}`,
    port: boundPort,
    async close() {
      handler.close();
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
