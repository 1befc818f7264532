import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { connect, type Message } from '../../src/client/index.ts';
import { createHub, type Hub } from '../../src/index.ts';
import { HubSocket } from '../client/hub-socket.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';

let server: RedisServer;

function startHub(): Hub {
  const hub = createHub({ log: startLog({ url: server.url }) });
  hub.on('error', (error) => expect.fail(String(error)));
  onTestFinished(() => hub.close());
  return hub;
}

beforeEach(async () => {
  server = await startRedis();
});

/** A client whose sockets are at one hub after another. */
function startClient(hubs: readonly Hub[]) {
  const sockets: HubSocket[] = [];
  class Socket extends HubSocket {
    constructor() {
      super();
      hubs[sockets.length % hubs.length]?.accept(this.link.attach, { authorize: () => true });
      sockets.push(this);
    }
  }
  const client = connect('ws://hub.test', { WebSocket: Socket, backoff: { minMs: 1, maxMs: 10 } });
  onTestFinished(() => client.close());
  const pump = setInterval(() => sockets.at(-1)?.pump(Infinity), 1);
  onTestFinished(() => clearInterval(pump));
  return { client, sockets };
}

it('loads older messages page by page over Redis, the newest versions, and goes on at another node after a cut', async () => {
  const [here, there] = [startHub(), startHub()];
  const { client, sockets } = startClient([here, there]);
  const sent: string[] = [];
  for (let i = 0; i < 12; i++) sent.push((await (i % 2 === 0 ? here : there).thread('t').send(i)).id);
  await here.thread('t').send('edited', { replaces: sent[3] ?? '' });
  await there.thread('t').remove(sent[5] ?? '');
  const thread = client.join('t');
  const live: Message[] = [];
  thread.on('message', (message) => live.push(message));
  const older: Message[] = [];
  const state = { hasOlder: true };
  const load = async (): Promise<void> => {
    const page = await thread.loadOlder({ limit: 4 });
    older.unshift(...page.messages);
    state.hasOlder = page.hasOlder;
  };
  await load();
  await there.thread('t').send('live');
  await until(() => live.length === 1);
  sockets.at(-1)?.lose();
  for (let pages = 0; state.hasOlder && pages < 10; pages++) await load();
  expect(sockets.length).toBe(2);
  expect([...older, ...live].map(({ data }) => data)).toEqual([0, 1, 2, 'edited', 4, 6, 7, 8, 9, 10, 11, 'live']);
  expect([...older, ...live].every((message) => !('re' in message) && !('many' in message))).toBe(true);
});
