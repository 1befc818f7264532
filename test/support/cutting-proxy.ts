import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP line on loopback that is cut after a number of bytes of its own for each connection, wherever in a frame that is. */
export interface CuttingProxy {
  readonly port: number;
  readonly cuts: number;
  /** Connections that come from now on are not cut, and those that are there are let go. */
  mend(): void;
  close(): Promise<void>;
}

/** @param nextBytes after how many bytes from the server the next connection is cut */
export async function startCuttingProxy(targetPort: number, nextBytes: () => number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let cuts = 0;
  let isMended = false;
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    const end = (): void => {
      for (const socket of [client, upstream]) {
        sockets.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', end);
    }
    client.on('data', (chunk) => upstream.write(chunk));
    let left = nextBytes();
    upstream.on('data', (chunk: Buffer) => {
      if (isMended || chunk.length < left) {
        left -= chunk.length;
        client.write(chunk);
        return;
      }
      cuts++;
      upstream.pause();
      // what comes before the cut arrives, and then the end, without a close frame
      client.end(chunk.subarray(0, left), end);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    get cuts() {
      return cuts;
    },
    mend() {
      isMended = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
