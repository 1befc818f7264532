import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createHub, type Hub, type HubOptions } from '../../src/index.ts';
import { TurnReads } from './turn-reads.ts';

/** How an attacker's socket ended: a close code, or a negative HTTP status. */
export interface Outcome {
  readonly code: number;
  readonly ms: number;
}

/** A server with neighbours that want to be served while one of its clients is hostile. */
export interface Victim {
  readonly hub: Hub;
  readonly url: string;
  /** What the neighbours have got, in their order. */
  readonly got: readonly number[][];
  /** How often the application was asked about what the attackers publish. */
  readonly asked: { count: number };
  /** And about threads that clients want to join. */
  readonly joins: { count: number };
  readonly reads: TurnReads;
  readonly attack: (
    name: string,
    options?: {
      readonly sockets?: number;
      readonly query?: string;
    },
  ) => Promise<readonly Outcome[]>;
}

export async function startVictim(options: HubOptions = {}): Promise<Victim> {
  const hub = createHub(options);
  const http = createServer();
  const reads = new TurnReads(http);
  const asked = { count: 0 };
  const joins = { count: 0 };
  hub.attach(http, {
    authenticate: ({ url = '' }) => ({ userId: url.includes('mallory') ? 'mallory' : 'ada' }),
    authorize: () => {
      joins.count++;
      return true;
    },
    compress: true,
    onPublish: () => {
      asked.count++;
    },
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `ws://127.0.0.1:${address.port}/`;
  const got: number[][] = [];
  const neighbours = Array.from({ length: 5 }, async () => {
    const numbers: number[] = [];
    got.push(numbers);
    const socket = new WebSocket(`${url}?thread=t`);
    socket.on('message', (data: Buffer) => {
      const n = /"d":(\d+)/.exec(data.toString())?.[1];
      if (n !== undefined) numbers.push(Number(n));
    });
    await once(socket, 'message');
    onTestFinished(() => socket.terminate());
  });
  await Promise.all(neighbours);
  onTestFinished(async () => {
    await hub.close();
    http.closeAllConnections();
    http.close();
  });
  return {
    hub,
    url,
    got,
    asked,
    joins,
    reads,
    async attack(name, { sockets = 1, query = '' } = {}) {
      const child = fork(new URL('./attacker.ts', import.meta.url), [`${url}?mallory${query}`, name, String(sockets)]);
      onTestFinished(() => void child.kill('SIGKILL'));
      await once(child, 'message');
      child.send('go');
      const [outcomes]: (readonly Outcome[])[] = await once(child, 'message');
      child.kill('SIGKILL');
      return outcomes ?? [];
    },
  };
}
