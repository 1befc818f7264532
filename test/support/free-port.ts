import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A port on loopback that nobody listens on. It is below those that Linux gives to outgoing connections (32768 and up), so that nobody
 * takes it while its server is away for a restart; the bus of a Redis Cluster, 10,000 higher, is below them as well.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 10_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
