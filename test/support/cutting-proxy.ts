import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

/** A TCP line that breaks: each connection is cut after so many bytes, wherever that is in a frame. */
export interface CuttingProxy {
  readonly port: number;
  /** Connections that were cut. */
  readonly cuts: number;
  /** Connections that come from now on are not cut, and those that are there are let go. */
  mend(): void;
  close(): Promise<void>;
}

/** @param bytesLeft how many bytes a new connection lives for, in both directions together */
export async function startCuttingProxy(targetPort: number, bytesLeft: () => number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let cuts = 0;
  let isMended = false;
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    let left = bytesLeft();
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    const pass = (from: Socket, to: Socket): void => {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        end();
      });
      from.on('data', (chunk: Buffer) => {
        if (!isMended && chunk.length >= left) {
          cuts++;
          from.pause();
          // the peer gets the beginning of the frame, then the end of the line
          to.write(chunk.subarray(0, left), end);
          left = Infinity;
          return;
        }
        left -= chunk.length;
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    };
    pass(client, upstream);
    pass(upstream, client);
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
