import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A line between the browser and the server that can be cut. */
export interface FlakyProxy {
  readonly url: string;
  /** Ends all connections that go through it now, without a word to either side. */
  cut(): void;
  close(): void;
}

export async function startFlakyProxy(targetUrl: string): Promise<FlakyProxy> {
  const port = Number(new URL(targetUrl).port);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}/`,
    cut,
    close() {
      server.close();
      cut();
    },
  };
}
