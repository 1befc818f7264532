import { expect, it } from 'vitest';
import type { RedisConnection } from '../../../src/infra/log/redis/connections.ts';
import { isOtherServer, Servers } from '../../../src/infra/log/redis/servers.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

/** Two shards, by the first letter of a key; as that of the `redis` package, it takes no key for any node. */
function startServers(silent?: string) {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const connection: RedisConnection = {
    publishCommand: 'SPUBLISH',
    extent: 'partial',
    shardOf: (key) => (key < 'm' ? 'first' : 'second'),
    everyShard: () => [],
    call: (key, args) => {
      asked.push(`${args.join(' ')} ${key}`);
      if (key === silent) return new Promise(() => {});
      return Promise.resolve(Buffer.from(`# Server\r\nrun_id:${key === '' ? 'replica' : connection.shardOf(key)}\r\n`));
    },
    subscribe: () => Promise.resolve(),
    unsubscribe: () => Promise.resolve(),
    destroy: () => {},
  };
  return { clock, asked, servers: new Servers(connection, clock, 1_000) };
}

it('each shard is asked once who it is', async () => {
  const { asked, servers } = startServers();
  await Promise.all([servers.ask('a'), servers.ask('b'), servers.ask('z')]);
  expect([servers.of('b'), servers.of('y')]).toEqual(['first', 'second']);
  expect(asked).toEqual(['INFO server a', 'INFO server z']);
});

it('without a thread, a master is asked', async () => {
  const { servers } = startServers();
  await servers.askOne();
  expect(servers.of('a')).toBe('first');
});

it('a shard that does not answer is unknown, which is as another server', async () => {
  const { clock, servers } = startServers('a');
  const asked = servers.ask('a');
  await clock.advance(1_000);
  await asked;
  expect(isOtherServer('first', servers.of('a'))).toBe(true);
  expect(isOtherServer('', '')).toBe(true);
  expect(isOtherServer('first', 'first')).toBe(false);
});
