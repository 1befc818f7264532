import { expect, it } from 'vitest';
import { FakeSocket, joined, LISTS, msg, rejectionOf } from '../client/fake-network.ts';
import { fakePool, joinsOf, LONG_LISTS, names, states } from './fake-pool.ts';

it('threads are spread over the connections, and only those of a lost one move', async () => {
  const { pool, clock, sockets, socket } = fakePool({ size: 4 });
  expect(sockets).toHaveLength(4);
  for (const each of sockets) each.open(LONG_LISTS);
  for (const name of names(200)) pool.join(name);
  await clock.settle();
  const before = sockets.map(joinsOf);
  expect(before.flat()).toHaveLength(200);
  for (const each of before) expect(each.length).toBeGreaterThan(25);
  socket(1).lose();
  await clock.settle();
  const after = sockets.map(joinsOf);
  expect(pool.stats).toMatchObject({ moves: before[1]?.length, waiting: 0, connections: { open: 3, retrying: 1 } });
  expect([0, 2, 3].flatMap((i) => after[i]?.slice(before[i]?.length) ?? []).toSorted()).toEqual(before[1]?.toSorted());
  // it comes back, and when it has lasted, its threads do, and no other
  await clock.advance(1_000);
  socket(4).open(LONG_LISTS);
  await clock.advance(4_999);
  expect(joinsOf(socket(4))).toEqual([]);
  await clock.advance(1);
  expect(joinsOf(socket(4)).toSorted()).toEqual(before[1]?.toSorted());
  expect(
    [0, 2, 3]
      .flatMap((i) =>
        socket(i)
          .sentOf('leave')
          .map(({ th }) => String(th)),
      )
      .toSorted(),
  ).toEqual(before[1]?.toSorted());
});

it('a thread goes on over another connection from its position: once and in order, what was ahead not again', async () => {
  const { pool, clock, sockets, socket } = fakePool({ size: 2 });
  for (const each of sockets) each.open(LISTS);
  const thread = pool.join('t');
  const seen: (number | undefined)[] = [];
  thread.on('message', ({ offset }) => seen.push(offset));
  await clock.settle();
  const first = sockets.findIndex((each) => joinsOf(each).length > 0);
  socket(first).say(joined('t', 'e.0.'), msg('t', 1), msg('t', 4, { ahead: true }), msg('t', 2));
  socket(first).lose();
  // nobody hears it any more
  socket(first).say(msg('t', 3));
  await clock.settle();
  const other = socket(1 - first);
  expect(other.sent).toMatchObject([{ t: 'join', th: 't', from: 'e.2.m2' }]);
  other.say(joined('t', 'e.2.m2', 2), msg('t', 3), msg('t', 4), msg('t', 5));
  expect(seen).toEqual([1, 4, 2, 3, 5]);
});

it('messages without an answer go out again over another connection, in order, with the same ids, and later ones after them', async () => {
  const { pool, clock, sockets, socket } = fakePool({ size: 2 });
  for (const each of sockets) each.open(LISTS);
  const answers = [pool.publish('t', 1), pool.publish('t', 2)];
  const dropped = pool.publish('t', 'typing', { volatile: true });
  await clock.settle();
  const first = sockets.findIndex((each) => each.sentOf('pub').length > 0);
  expect(socket(first).sentOf('pub')).toHaveLength(3);
  socket(first).lose();
  answers.push(pool.publish('t', 3));
  await clock.settle();
  const other = socket(1 - first);
  expect(other.sentOf('pub')).toMatchObject([
    { id: 'id-1', d: 1 },
    { id: 'id-2', d: 2 },
    { id: 'id-4', d: 3 },
  ]);
  expect(await dropped).toBeUndefined();
  // all connections of the pool are one client to the hub
  const cids = new Set(sockets.map(({ url }) => new URL(url).searchParams.get('cid')));
  expect(cids.size).toBe(1);
  for (const { id } of [{ id: 'id-1' }, { id: 'id-2' }, { id: 'id-4' }])
    other.say({ t: 'ok', th: 't', id, pos: 'e.1.x' });
  expect((await Promise.all(answers)).map(({ id }) => id)).toEqual(['id-1', 'id-2', 'id-4']);
  expect(pool.stats.queued).toBe(0);
});

it('backs off for 1, 2 and 4 s, trips at the fifth failure, probes once, and replaces what fails by the next hub', async () => {
  const { pool, clock, sockets, socket, errors } = fakePool({
    url: undefined,
    urls: ['ws://a.test/', 'ws://b.test/'],
    size: 1,
  });
  const path: string[] = [];
  pool.on('transition', ({ machine, id, to }) => path.push(`${machine} ${id} ${to}`));
  for (const waitMs of [1_000, 2_000, 4_000, 4_000]) {
    socket(-1).lose();
    await clock.advance(waitMs - 1);
    expect(states(pool)).toEqual(['retrying']);
    await clock.advance(1);
    expect(states(pool)).toEqual(['connecting']);
  }
  expect(errors).toEqual([]);
  socket(-1).lose();
  expect(states(pool)).toEqual(['tripped.coolingDown']);
  expect(errors).toMatchObject([{ code: 'TC_CONNECTION_FAILING', attempts: 5, closeCode: 1006 }]);
  await clock.advance(30_000);
  expect(states(pool)).toEqual(['tripped.probing']);
  expect(sockets.every(({ url }) => url.startsWith('ws://a.test/'))).toBe(true);
  socket(-1).lose();
  await clock.advance(1);
  expect(pool.connections).toMatchObject([
    { id: 'pool-connection:2', url: 'ws://b.test/', state: 'connecting', place: 0 },
  ]);
  const ready = pool.ready();
  socket(-1).open(LISTS);
  await ready;
  expect(pool.stats).toMatchObject({ failures: 6, evictions: 1, connections: { open: 1 } });
  expect(path.at(-1)).toBe('pool-connection pool-connection:2 open.fresh');
});

it('a hub that refuses is not asked again before the cooldown; ready() says so', async () => {
  const { pool, clock, sockets, socket, errors } = fakePool({ size: 1, token: 'bad' });
  const refusal = rejectionOf(pool.ready());
  socket(0).lose(4403, 'forbidden');
  expect(await refusal).toMatchObject({ code: 'TC_CONNECTION_REFUSED', closeCode: 4403 });
  expect(errors).toMatchObject([{ code: 'TC_CONNECTION_REFUSED' }]);
  await clock.advance(29_999);
  expect(sockets).toHaveLength(1);
  await clock.advance(1);
  expect(sockets).toHaveLength(2);
});

it('asks the token function for each attempt; one that throws is an error event and a failure', async () => {
  let calls = 0;
  const token = (): string => {
    if (++calls === 1) throw new Error('no token');
    return `fresh ${calls}`;
  };
  const { pool, clock, socket, errors } = fakePool({ size: 1, token });
  await clock.settle();
  expect(errors).toMatchObject([{ message: 'no token' }]);
  expect(pool.stats).toMatchObject({ failures: 1, connections: { retrying: 1 } });
  await clock.advance(1_000);
  expect(new URL(socket(-1).url).searchParams.get('token')).toBe('fresh 2');
});

it('grows with its threads and shrinks when they are gone: the threads of a closed connection go on', async () => {
  const { pool, clock, sockets } = fakePool({ size: { min: 1, max: 3 }, threadsPerConnection: 10, idleMs: 60_000 });
  expect(sockets).toHaveLength(1);
  const threads = names(40).map((name) => pool.join(name));
  expect(sockets).toHaveLength(3);
  for (const each of sockets) each.open(LISTS);
  await clock.advance(5_000);
  for (const thread of threads.slice(8)) thread.leave();
  await clock.advance(59_000);
  expect(pool.connections).toHaveLength(3);
  await clock.advance(1_000);
  expect(pool.connections).toMatchObject([{ state: 'open', threads: 8 }]);
  expect(pool.stats).toMatchObject({ threads: 8, waiting: 0 });
});

it('holds only so many messages, counted in messages and in their length', async () => {
  const { pool, clock } = fakePool({ maxQueued: 3, maxQueuedBytes: 1_000, publishTimeoutMs: 5_000 });
  const first = rejectionOf(pool.publish('t', 'x'.repeat(800)));
  expect(await rejectionOf(pool.publish('t', 'x'.repeat(800)))).toMatchObject({ code: 'TC_PUBLISH_QUEUE_FULL' });
  const others = [1, 2].map((n) => rejectionOf(pool.publish('u', n)));
  expect(await rejectionOf(pool.publish('v', 3))).toMatchObject({ code: 'TC_PUBLISH_QUEUE_FULL', limit: 3 });
  expect(await pool.publish('v', 3, { volatile: true })).toBeUndefined();
  await clock.advance(5_000);
  for (const each of [first, ...others])
    expect(await each).toMatchObject({ code: 'TC_PUBLISH_TIMEOUT', timeoutMs: 5_000 });
  expect(pool.stats.queued).toBe(0);
});

it('drain waits for the answers, and takes nothing new; close rejects what waits and ends the threads', async () => {
  const { pool, clock, sockets, socket } = fakePool({ size: 1 });
  socket(0).open(LISTS);
  const answer = pool.publish('t', 1);
  const lost = rejectionOf(pool.publish('t', 2));
  const thread = pool.join('t');
  const all = (async () => {
    for await (const message of thread) expect(message).toBeDefined();
    return 'ended';
  })();
  const drained = pool.drain({ timeoutMs: 2_000 });
  expect(() => pool.join('u')).toThrow(expect.objectContaining({ code: 'TC_CLIENT_CLOSED' }));
  expect(await rejectionOf(pool.publish('t', 3))).toMatchObject({ code: 'TC_CLIENT_CLOSED' });
  socket(0).say({ t: 'ok', th: 't', id: 'id-1', pos: 'e.1.x' });
  expect(await answer).toMatchObject({ id: 'id-1' });
  await clock.advance(2_000);
  await drained;
  expect(await lost).toMatchObject({ code: 'TC_CLIENT_CLOSED' });
  expect(await all).toBe('ended');
  expect(sockets[0]?.closedWith).toBe(1000);
  pool.close();
  await pool.drain();
  expect(await rejectionOf(pool.ready())).toMatchObject({ code: 'TC_CLIENT_CLOSED' });
  expect(clock.pending).toBe(0);
});

it.each<[string, object]>([
  ['no address', { url: undefined }],
  ['two kinds of address', { urls: ['ws://a.test/'] }],
  ['no hub', { url: undefined, urls: [] }],
  ['an address of another kind', { url: 'mailto:a@b.c' }],
  ['an unknown option', { sizes: 3 }],
  ['a size of no connection', { size: 0 }],
  ['a size that is no whole number', { size: 1.5 }],
  ['a smallest size above the greatest', { size: { min: 3, max: 2 } }],
  ['an unknown part of the size', { size: { most: 2 } }],
  ['waits that are none', { retryDelaysMs: [] }],
  ['a wait of zero', { retryDelaysMs: [0] }],
  ['a breaker that is never closed', { breakerThreshold: 0 }],
])('refuses %s', (_, wrong) => {
  expect(() => fakePool(wrong)).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
});

it('says whether the hubs reach their log, and which errors nobody else can hear', () => {
  const { pool, sockets, socket, errors } = fakePool({ size: 2 });
  for (const each of sockets) each.open(LISTS);
  const changes: boolean[] = [];
  pool.on('log', ({ isUp }) => changes.push(isUp));
  socket(1).say({ t: 'log', up: false });
  expect(pool.isLogUp).toBe(false);
  socket(1).lose();
  expect(pool.isLogUp).toBe(true);
  expect(changes).toEqual([false, true]);
  socket(0).say('no JSON', { t: 'err', code: 'internal' });
  expect(errors).toMatchObject([{ code: 'TC_MALFORMED_FRAME' }, { code: 'TC_SERVER_ERROR' }]);
});

it('an inspector that throws, and a WebSocket that does, break nothing', async () => {
  let isBroken = true;
  class Socket extends FakeSocket {
    constructor(url: string) {
      super(url);
      if (isBroken) throw new Error('no socket');
    }
  }
  const { pool, clock, errors } = fakePool({
    size: 1,
    WebSocket: Socket,
    inspect: () => {
      throw new Error('inspector');
    },
  });
  await clock.settle();
  expect(states(pool)).toEqual(['retrying']);
  expect(errors.length).toBeGreaterThan(0);
  isBroken = false;
  await clock.advance(1_000);
  expect(states(pool)).toEqual(['connecting']);
});
