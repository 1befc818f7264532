import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../src/index.ts';
import type { SteppedClock } from './stepped-clock.ts';

/** A long line on loopback: what is sent in either direction arrives half a round trip later. It holds what is on its way, without limit. */
export interface DelayingProxy {
  readonly port: number;
  /** Chunks that came to one end of it, or left at the other. */
  readonly moves: number;
  /** Chunks that are at the far end, and that the kernel has not taken yet. */
  readonly landing: number;
  close(): Promise<void>;
}

/** Turns of the event loop in which what has arrived at one end of a loopback socket is read, answered and written. */
const STILL_TURNS = 8;

const STEP_MS = 5;

export async function startDelayingProxy(target: number, roundTripMs: number, clock: Clock): Promise<DelayingProxy> {
  const sockets = new Set<Socket>();
  let [moves, landing] = [0, 0];
  const landed = (): void => {
    landing--;
    moves++;
  };
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on('error', () => {});
    from.on('data', (chunk: Buffer) => {
      moves++;
      clock.setTimeout(() => {
        landing++;
        to.write(chunk, landed);
      }, roundTripMs / 2);
    });
    from.on('close', () => void clock.setTimeout(() => to.destroy(), roundTripMs / 2));
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
    get moves() {
      return moves;
    },
    get landing() {
      return landing;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Moves time until it holds, whenever nothing moves at either end of the line: so that no time passes for what the machine has yet to do. */
export async function advanceOver(line: DelayingProxy, clock: SteppedClock, isIt: () => boolean): Promise<void> {
  while (!isIt()) {
    for (let [still, before] = [0, line.moves]; still < STILL_TURNS && !isIt(); still++) {
      await nextTurn();
      if (line.moves !== before || line.landing > 0) [still, before] = [0, line.moves];
    }
    if (!isIt()) await clock.advance(STEP_MS);
  }
}
