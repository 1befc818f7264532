import { beforeEach, expect, it } from 'vitest';
import type { Connector, RedisConnection } from '../../../src/infra/log/redis/connections.ts';
import { RedisSession } from '../../../src/infra/log/redis/session.ts';
import { ThreadChannel } from '../../../src/infra/log/redis/thread-channel.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

let clock: VirtualClock;
let session: RedisSession;
let channel: ThreadChannel;
/** What Redis is asked, and what the thread is told. */
let told: string[];
/** Answers that the test gives, oldest first. */
let answers: (() => void)[];
let isWanted: boolean;
let lose: () => void;

const asked = async (what: string): Promise<void> => {
  told.push(what);
  const { promise, resolve } = Promise.withResolvers<void>();
  answers.push(resolve);
  await promise;
};

async function answer(): Promise<void> {
  answers.shift()?.();
  await clock.settle();
}

function connectionOf(): RedisConnection {
  if (session.connection === undefined) throw new Error('no connection');
  return session.connection;
}

beforeEach(async () => {
  clock = new VirtualClock();
  told = [];
  answers = [];
  isWanted = true;
  const connect: Connector = () =>
    Promise.resolve({
      publishCommand: 'PUBLISH',
      extent: 'ended',
      shardOf: () => '',
      everyShard: () => [],
      call: () => Promise.resolve(null),
      subscribe: (_channel, _listener, onLost) => {
        lose = onLost;
        return asked('subscribe');
      },
      unsubscribe: () => asked('unsubscribe'),
      destroy: () => {},
    });
  const timing = { commandTimeoutMs: 2_000, connectTimeoutMs: 2_000, clock, random: () => 0.5 };
  session = new RedisSession(connect, timing, { onUp: () => {}, onDown: () => {}, onTick: () => {} });
  channel = new ThreadChannel('t', session, {
    get isWanted() {
      return isWanted;
    },
    onMessage: () => {},
    onLost: () => told.push('lost'),
    onLeft: () => told.push('left'),
  });
  await clock.settle();
});

it('is subscribed once, however many wait for it', async () => {
  const both = Promise.all([channel.subscribe(), channel.subscribe()]);
  await clock.settle();
  expect([told, channel.isSubscribedOn(connectionOf())]).toEqual([['subscribe'], false]);
  await answer();
  await both;
  expect(channel.isSubscribedOn(connectionOf())).toBe(true);
  await channel.subscribe();
  expect(told).toEqual(['subscribe']);
});

it('is left only after it was subscribed, and subscribed again only after it was left', async () => {
  void channel.subscribe();
  await clock.settle();
  isWanted = false;
  channel.leave();
  channel.leave();
  isWanted = true;
  const again = channel.subscribe();
  await clock.settle();
  expect(told).toEqual(['subscribe']);
  await answer();
  expect(told).toEqual(['subscribe', 'unsubscribe']);
  expect(channel.isLeaving).toBe(true);
  await answer();
  expect(told).toEqual(['subscribe', 'unsubscribe', 'left', 'subscribe']);
  await answer();
  await again;
  expect(channel.isSubscribedOn(connectionOf())).toBe(true);
});

it('is subscribed anew on new connections, and where Redis has ended the subscription', async () => {
  void channel.subscribe();
  await clock.settle();
  await answer();
  lose();
  expect(channel.isSubscribedOn(connectionOf())).toBe(false);
  void channel.subscribe();
  await clock.settle();
  await answer();
  session.giveUp('a test');
  await clock.advance(5_000);
  expect(channel.isSubscribedOn(connectionOf())).toBe(false);
  const anew = channel.subscribe();
  await clock.settle();
  await answer();
  await anew;
  expect(channel.isSubscribedOn(connectionOf())).toBe(true);
  expect(told).toEqual(['subscribe', 'lost', 'subscribe', 'subscribe']);
});

it('asks nothing where nobody wants it any more, and has nothing to leave', async () => {
  isWanted = false;
  await channel.subscribe();
  channel.leave();
  expect(told).toEqual(['left']);
});

it('can be left when its connections have gone', async () => {
  void channel.subscribe();
  await clock.settle();
  await answer();
  session.close();
  await clock.settle();
  channel.leave();
  expect(channel.isLeaving).toBe(true);
  await clock.settle();
  expect([told, channel.isLeaving]).toEqual([['subscribe', 'left'], false]);
});
