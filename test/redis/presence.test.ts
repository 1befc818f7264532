import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub } from '../../src/index.ts';
import type { Client } from '../../src/client/index.ts';
import { isOwnPresence, presence, receipts, typing } from '../../src/presence/index.ts';
import { values } from '../../src/values/index.ts';
import { testClient } from '../client/hub-server.ts';
import { startLog, startRedis } from '../support/redis-nodes.ts';

interface Node {
  readonly hub: Hub;
  readonly clientOf: (user: string) => Client;
}

async function startNode(url: string): Promise<Node> {
  const hub = createHub({ log: startLog({ url }) });
  const server = createServer();
  hub.attach(server, {
    authenticate: ({ url: path = '/' }) => ({ userId: new URL(path, 'ws://localhost').searchParams.get('user') ?? '' }),
    authorize: () => true,
    onValue: ({ userId }, change) => isOwnPresence(userId, change),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  onTestFinished(async () => {
    await hub.close();
    server.close();
    server.closeAllConnections();
  });
  return { hub, clientOf: (user) => testClient(`ws://127.0.0.1:${address.port}/?user=${user}`, { values }) };
}

it('presence, typing and receipts of users on one node are seen by clients and the application on the other', async () => {
  const { url } = await startRedis();
  const [here, there] = [await startNode(url), await startNode(url)];
  const [ada, bob] = [here.clientOf('ada').join('t'), there.clientOf('bob').join('t')];

  const [own, seen] = [presence<string>(ada), presence<string>(bob)];
  onTestFinished(() => [own, seen].forEach((each) => each.close()));
  await own.enter('ada', 'here');
  await expect.poll(() => [...(seen.users ?? [])]).toEqual([['ada', 'here']]);
  expect(new Map(await presence(there.hub.thread('t')).users())).toEqual(new Map([['ada', 'here']]));

  const writers = typing(bob);
  await typing(ada).typed('ada');
  await expect.poll(() => [...writers.users]).toEqual(['ada']);
  await typing(ada).stopped('ada');
  await expect.poll(() => [...writers.users]).toEqual([]);

  const { position = '' } = await here.hub.thread('t').send('one');
  const { position: later = '' } = await there.hub.thread('t').send('two');
  const read = receipts(bob);
  await receipts(ada).read('ada', later);
  await expect.poll(() => read.positions.get('ada')).toBe(later);
  // an older one of the application on the other node changes nothing
  await receipts(there.hub.thread('t')).read('ada', position);
  expect(await receipts(there.hub.thread('t')).positions()).toEqual(new Map([['ada', later]]));

  // the user goes with the last connection, for the other node too
  ada.leave();
  await expect.poll(async () => (await presence(there.hub.thread('t')).users()).size).toBe(0);
  await expect.poll(() => bob.values?.get('~present:ada')).toBe(undefined);
  expect(read.positions.get('ada')).toBe(later);
});
