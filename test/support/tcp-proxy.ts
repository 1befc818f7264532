import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP line on loopback that can be made slow, or silent without being closed: what a stopped phone or a lost route looks like. */
export interface TcpProxy {
  readonly port: number;
  /** The port that new connections go to. */
  target: number;
  /** Bytes per second from the server to each client; Infinity for no limit. */
  rate: number;
  /** The same from each client to the server. */
  upRate: number;
  /** Bytes per second from the server to all clients together; they take turns. */
  sharedRate: number;
  /**
   * Gives the line a time of its own, which it calls this with: no more than 10 ms for each turn in which it passes bytes on, however long
   * ago the last one was. In that time, the line has exactly its rate, also on a busy machine.
   */
  onTick: ((ms: number) => void) | undefined;
  /** Connections that were made. */
  readonly connections: number;
  /** Bytes that have passed from the server to the clients. */
  readonly bytesDown: number;
  /** From now on nothing passes in either direction, and nobody is told. */
  blackHole(): void;
  /** What passes from now on passes again; what was held back arrives late. */
  restore(): void;
  /** Breaks every connection there is; new ones are taken. */
  cut(): void;
  close(): Promise<void>;
}

const TICK_MS = 10;

/** Of a line that is shared, one connection gets so much in a tick. */
const SHARE_BYTES = 16 * 1024;

/** What may pass in a tick of a busy process is more, or the line would be slower than its rate; after a stop it is no flood. */
const MOST_TICK_MS = 10 * TICK_MS;

const during = (rate: number, ms: number): number => Math.round((rate * ms) / 1_000);

/** Reads so many bytes at most, and writes them; answers with how many there were. */
function passOn(from: Socket, to: Socket, most: number): number {
  if (most <= 0) return 0;
  const chunk: unknown = from.read(most === Infinity ? undefined : Math.min(most, from.readableLength || 1));
  if (!(chunk instanceof Uint8Array)) return 0;
  to.write(chunk);
  return chunk.length;
}

export async function startTcpProxy(target: number, rate = Infinity): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isBlackHole = false;
  let connections = 0;
  let bytesDown = 0;
  let shared = 0;
  const proxy: TcpProxy = {
    port: 0,
    target,
    rate,
    upRate: Infinity,
    sharedRate: Infinity,
    onTick: undefined,
    get connections() {
      return connections;
    },
    get bytesDown() {
      return bytesDown;
    },
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
  let tickedAt = performance.now();
  let tickMs = TICK_MS;
  const ticker = setInterval(() => {
    const now = performance.now();
    tickMs = Math.min(now - tickedAt, proxy.onTick === undefined ? MOST_TICK_MS : TICK_MS);
    tickedAt = now;
    proxy.onTick?.(tickMs);
    if (isBlackHole) return;
    shared = during(proxy.sharedRate, tickMs);
    const [first] = passes;
    for (const pass of passes) pass();
    // another one is first the next time
    if (first !== undefined && passes.delete(first)) passes.add(first);
  }, TICK_MS);
  const server = createServer((client) => {
    connections++;
    const upstream = connect(proxy.target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    // read by hand, so that what may not pass yet stays in the kernel's buffers
    const down = (): void => {
      const most = Math.min(shared, during(proxy.rate, tickMs), proxy.sharedRate === Infinity ? Infinity : SHARE_BYTES);
      const passed = passOn(upstream, client, most);
      shared -= passed;
      bytesDown += passed;
    };
    const up = (): void => void passOn(client, upstream, during(proxy.upRate, tickMs));
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
