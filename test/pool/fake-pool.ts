import { onTestFinished } from 'vitest';
import { createPool, type Pool, type PoolOptions } from '../../src/pool/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { FakeSocket, LISTS } from '../client/fake-network.ts';

/** A pool whose sockets, time and chance are the test's. */
export function fakePool(options: PoolOptions = {}) {
  const clock = new VirtualClock();
  const sockets: FakeSocket[] = [];
  class Socket extends FakeSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const errors: unknown[] = [];
  let ids = 0;
  const pool: Pool = createPool({
    url: 'ws://hub.test/ws',
    WebSocket: Socket,
    clock,
    random: () => 0,
    newId: () => `id-${++ids}`,
    ...options,
  });
  pool.on('error', (error) => errors.push(error));
  onTestFinished(() => pool.close());
  // its connections begin now, not after this turn
  pool.ready().catch(() => {});
  const socket = (index: number): FakeSocket => {
    const found = sockets.at(index);
    if (found === undefined) throw new Error(`there is no socket ${index}`);
    return found;
  };
  return { pool, clock, sockets, socket, errors };
}

export function joinsOf(socket: FakeSocket): string[] {
  return socket.sent.flatMap((frame) =>
    frame['t'] === 'joins' && Array.isArray(frame['l'])
      ? frame['l'].map(([th]: unknown[]) => String(th))
      : frame['t'] === 'join'
        ? [String(frame['th'])]
        : [],
  );
}

export const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`);

/** Of a server that takes all joins at once. */
export const LONG_LISTS = { ...LISTS, limits: { list: 1_024 } };

export const states = (pool: Pool): string[] => pool.connections.map(({ path }) => path);
