import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A long line on loopback: what is sent in either direction arrives half a round trip later. It holds what is on its way, without limit. */
export async function startDelayingProxy(
  target: number,
  roundTripMs: number,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on('error', () => {});
    from.on('data', (chunk: Buffer) => void setTimeout(() => to.write(chunk), roundTripMs / 2));
    from.on('close', () => void setTimeout(() => to.destroy(), roundTripMs / 2));
  };
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    join(client, upstream);
    join(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
