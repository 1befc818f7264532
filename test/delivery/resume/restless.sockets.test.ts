import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as later } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { connect, type ClientThread } from '../../../src/client/index.ts';
import { createHub, memoryLog } from '../../../src/index.ts';
import { startCuttingProxy } from '../../support/cutting-proxy.ts';
import { mulberry32 } from '../../support/random.ts';
import { seed } from '../../support/tier.ts';

const MOVES = 400;

/** One mounting of a component: what it was given from the beginning of the thread on. */
interface Visit {
  readonly thread: ClientThread;
  readonly got: unknown[];
}

it(`a page whose components come and go while its line is cut (seed ${seed}): each has the thread from its beginning, without a hole`, async () => {
  const random = mulberry32(seed);
  const hub = createHub({ log: memoryLog({ maxEntries: 1e6 }) });
  const http = createServer();
  hub.attach(http, {
    async authorize() {
      if (random() < 0.5) await later(random() * 4);
      return true;
    },
  });
  // the application joins for some of them, too
  hub.on('connection', async (connection) => {
    if (random() < 0.5) await later(random() * 4);
    if (connection.state === 'open' && random() < 0.5) await connection.join('t');
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const proxy = await startCuttingProxy(address.port, () => Math.floor(500 + random() * 20_000));
  const client = connect(`ws://127.0.0.1:${proxy.port}`, { backoff: { minMs: 1, maxMs: 10 } });
  const wrong: unknown[] = [];
  client.on('error', (error) => wrong.push(error));
  onTestFinished(async () => {
    client.close();
    await hub.close();
    await proxy.close();
    http.close();
  });

  const mount = (): Visit => {
    const got: unknown[] = [];
    const thread = client.join('t', { from: 'start', onGap: (gap) => wrong.push(gap) });
    thread.on('message', ({ data }) => got.push(data));
    return { thread, got };
  };
  const visits = [mount()];
  let sent = 0;
  for (let move = 0; move < MOVES; move++) {
    const dice = random();
    if (dice < 0.4) await hub.thread('t').send(++sent);
    else if (dice < 0.7) await later(random() * 4);
    else {
      visits.at(-1)?.thread.leave();
      if (dice < 0.8) await later(random() * 4);
      // as somebody else does who wants only what is new, and has gone already
      if (dice > 0.9) client.join('t').leave();
      visits.push(mount());
    }
  }
  proxy.mend();
  const all = Array.from({ length: sent }, (_, i) => i + 1);
  await expect.poll(() => visits.at(-1)?.got.length).toBe(sent);
  for (const { got } of visits) expect(got).toEqual(all.slice(0, got.length));
  expect(wrong).toEqual([]);
  expect(proxy.cuts).toBeGreaterThan(0);
});
