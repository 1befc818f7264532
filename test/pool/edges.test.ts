import { expect, it } from 'vitest';
import { createPool } from '../../src/pool/index.ts';
import { LISTS, rejectionOf } from '../client/fake-network.ts';
import { fakePool, joinsOf, LONG_LISTS, names, states } from './fake-pool.ts';

it('a token that never comes is a failure like a hub that is silent, and one that comes too late opens nothing', async () => {
  const answers: ((token: string) => void)[] = [];
  const token = (): Promise<string> => new Promise((resolve) => answers.push(resolve));
  const { pool, clock, sockets, socket } = fakePool({ size: 1, token, connectTimeoutMs: 3_000 });
  await clock.advance(2_999);
  expect(states(pool)).toEqual(['connecting']);
  await clock.advance(1);
  expect(states(pool)).toEqual(['retrying']);
  answers[0]?.('late');
  await clock.advance(1_000);
  expect([sockets.length, answers.length]).toEqual([0, 2]);
  answers[1]?.('fresh');
  await clock.settle();
  expect(new URL(socket(0).url).searchParams.get('token')).toBe('fresh');
  socket(0).open(LISTS);
  expect(states(pool)).toEqual(['open.fresh']);
});

it('with one dead hub of two, all threads are with the living one, and its connection is never touched', async () => {
  const { pool, clock, sockets, errors } = fakePool({
    url: undefined,
    urls: ['ws://dead.test/', 'ws://living.test/'],
    size: 2,
    cooldownMs: 20_000,
  });
  const threads = names(50).map((name) => pool.join(name));
  let opened = 0;
  for (let second = 0; second < 45; second++) {
    for (const each of sockets.slice(opened)) {
      if (each.url.startsWith('ws://dead.test/')) each.lose();
      else each.open(LONG_LISTS);
    }
    opened = sockets.length;
    await clock.advance(1_000);
  }
  // the place of the dead one has gone to the other address
  expect(pool.connections.map(({ url, state }) => `${url} ${state}`)).toEqual([
    'ws://living.test/ open',
    'ws://living.test/ open',
  ]);
  expect(errors).toMatchObject([{ code: 'TC_CONNECTION_FAILING', attempts: 5 }]);
  const [first] = sockets.filter(({ url }) => url.startsWith('ws://living.test/'));
  expect(first?.closedWith).toBeUndefined();
  expect(new Set(first === undefined ? [] : joinsOf(first))).toEqual(new Set(threads.map(({ id }) => id)));
  expect(pool.stats).toMatchObject({ threads: 50, waiting: 0, evictions: 1 });
});

it('ready() waits as long as there is no hub, and ends with the pool', async () => {
  const { pool, clock } = fakePool({ size: 1, connectTimeoutMs: 1_000 });
  let isOver = false;
  const ready = rejectionOf(pool.ready()).finally(() => (isOver = true));
  await clock.advance(600_000);
  expect(isOver).toBe(false);
  const drained = pool.drain({ timeoutMs: 5 });
  await clock.advance(5);
  await drained;
  expect(await ready).toMatchObject({ code: 'TC_CLIENT_CLOSED' });
  expect(clock.pending).toBe(0);
});

it('drain without a hub rejects what waits when its time is up', async () => {
  const { pool, clock } = fakePool({ size: 1 });
  const waiting = [1, 2, 3].map((n) => rejectionOf(pool.publish('t', n)));
  const drained = pool.drain({ timeoutMs: 1_000 });
  const again = pool.drain({ timeoutMs: 60_000 });
  await clock.advance(1_000);
  await drained;
  await again;
  for (const each of waiting) expect(await each).toMatchObject({ code: 'TC_CLIENT_CLOSED' });
  expect(pool.stats).toMatchObject({ queued: 0, threads: 0 });
  expect(clock.pending).toBe(0);
});

it('counts the bytes of binary messages that wait', async () => {
  const { pool } = fakePool({ maxQueuedBytes: 1_000 });
  const first = rejectionOf(pool.publish('t', new Uint8Array(800)));
  expect(await rejectionOf(pool.publish('t', new Uint8Array(200)))).toMatchObject({
    code: 'TC_PUBLISH_QUEUE_FULL',
    limit: 1_000,
  });
  pool.close();
  expect(await first).toMatchObject({ code: 'TC_CLIENT_CLOSED' });
});

it.each<[string, unknown]>([
  ['no options', undefined],
  ['an address instead of options', 'ws://hub.test/'],
  ['a list of addresses that is one', { urls: 'ws://a.test/' }],
  ['a list with a hole', { urls: [undefined] }],
  ['a token of another kind', { url: 'ws://a.test/', token: 5 }],
  ['waits that are texts', { url: 'ws://a.test/', retryDelaysMs: ['5'] }],
  ['a time that a timer cannot wait', { url: 'ws://a.test/', idleMs: 2 ** 31 }],
  ['a clock without timers', { url: 'ws://a.test/', clock: {} }],
  ['a tracer that is none', { url: 'ws://a.test/', tracer: {} }],
  ['a meter that is none', { url: 'ws://a.test/', meter: {} }],
  ['an inspector that is none', { url: 'ws://a.test/', inspect: [5] }],
])('refuses %s at once', (_, wrong) => {
  const make: (options: never) => unknown = createPool;
  expect(() => Reflect.apply(make, undefined, [wrong])).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
});
