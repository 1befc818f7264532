import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP line on loopback that can be made slow, or silent without being closed: what a stopped phone or a lost route looks like. */
export interface TcpProxy {
  readonly port: number;
  /** The port that new connections go to. */
  target: number;
  /** Bytes per second from the server to the clients; Infinity for no limit. */
  rate: number;
  /** From now on nothing passes in either direction, and nobody is told. */
  blackHole(): void;
  /** What passes from now on passes again; what was held back arrives late. */
  restore(): void;
  /** Breaks every connection there is; new ones are taken. */
  cut(): void;
  close(): Promise<void>;
}

const TICK_MS = 10;

export async function startTcpProxy(target: number, rate = Infinity): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isBlackHole = false;
  const proxy: TcpProxy = {
    port: 0,
    target,
    rate,
    blackHole: () => {
      isBlackHole = true;
    },
    restore: () => {
      isBlackHole = false;
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      clearInterval(ticker);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  const passes = new Set<() => void>();
  const ticker = setInterval(() => {
    if (!isBlackHole) for (const pass of passes) pass();
  }, TICK_MS);
  const server = createServer((client) => {
    const upstream = connect(proxy.target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    // read by hand, so that what may not pass yet stays in the kernel's buffers
    const down = (): void => {
      const budget = proxy.rate === Infinity ? undefined : Math.round((proxy.rate * TICK_MS) / 1_000);
      const available = upstream.readableLength;
      const chunk: unknown = upstream.read(budget === undefined ? undefined : Math.min(budget, available || 1));
      if (chunk instanceof Uint8Array) client.write(chunk);
    };
    const up = (): void => {
      const chunk: unknown = client.read();
      if (chunk instanceof Uint8Array) upstream.write(chunk);
    };
    upstream.on('readable', () => {});
    client.on('readable', () => {});
    passes.add(down);
    passes.add(up);
    const end = (): void => {
      passes.delete(down);
      passes.delete(up);
      sockets.delete(client);
      sockets.delete(upstream);
      client.destroy();
      upstream.destroy();
    };
    client.on('close', end);
    upstream.on('close', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return Object.assign(proxy, { port: address.port });
}
