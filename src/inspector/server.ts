import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Hub } from '../api/hub.ts';
import { inspectorHandler } from './handler.ts';
import { resolveAddress, type InspectorServerOptions } from './options.ts';

/** Requests are small and quick, so slow clients are cut off. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Maximum sockets: each page has a few. */
const MAX_SOCKETS = 256;

/** An inspector that listens on a port of its own. */
export interface InspectorServer {
  /** The address of the page. Without a `token` it includes the generated key: show it only to the operator. */
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
 * It does not keep the process alive.
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`), or the error of `listen`, for example `EADDRINUSE`
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
