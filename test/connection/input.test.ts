import { afterEach, describe, expect, it } from 'vitest';
import type { AcceptOptions, HubOptions } from '../../src/index.ts';
import { parseFrame } from '../../src/actors/connection/wire-protocol.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

function accept(options: AcceptOptions = {}) {
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, { authorize: () => true, ...options });
  return { link, connection };
}

function start(options: AcceptOptions = {}, hub: HubOptions = {}) {
  harness = makeHarness(hub);
  return { ...accept(options), ...harness };
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const after = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    harness.clock.setTimeout(resolve, ms);
  });

describe('requests about several threads', () => {
  it('are authorized at the same time: 500 threads of 20 ms each take no 10 s, and a publish does not wait for them', async () => {
    const { link, clock, connection } = start({
      authorize: () => after(20).then(() => true),
      onPublish: () => true,
    });
    await connection.join('mine');
    for (const i of range(500)) link.say({ t: 'join', th: `t${i}` });
    link.say({ t: 'pub', th: 'mine', id: 'a', d: 1 });
    await clock.advance(20);
    expect(framesOf(link, 'ok')).toHaveLength(1);
    await clock.advance(320);
    expect(connection.threads).toHaveLength(501);
  });

  it('are bounded in number, for one connection and for all', async () => {
    let asked = 0;
    let most = 0;
    const authorize = async (): Promise<boolean> => {
      most = Math.max(most, ++asked);
      await after(20);
      asked--;
      return true;
    };
    const { link, clock } = start({ authorize });
    for (const i of range(100)) link.say({ t: 'join', th: `t${i}` });
    await clock.settle();
    expect(most).toBe(32);
    const others = range(50).map(() => accept({ authorize }).link);
    for (const other of others) for (const i of range(100)) other.say({ t: 'join', th: `t${i}` });
    await clock.advance(1_000);
    // one of each, and 1,024 besides
    expect(most).toBeLessThanOrEqual(1_024 + 51);
    for (const each of [link, ...others]) expect(framesOf(each, 'joined')).toHaveLength(100);
  });

  it('are performed in their order in each thread', async () => {
    const heard: string[] = [];
    const { link, clock, connection } = start({
      authorize: (threadId) => after(threadId === 'a' ? 50 : 10).then(() => true),
      onPublish: ({ threadId, data }) => void heard.push(`${threadId}${String(data)}`),
    });
    for (const th of ['a', 'b']) {
      link.say({ t: 'join', th });
      for (const d of [1, 2]) link.say({ t: 'pub', th, id: `m${d}`, d });
      link.say({ t: 'leave', th });
      link.say({ t: 'pub', th, id: 'm3', d: 3 });
    }
    await clock.advance(200);
    expect(heard).toEqual(['b1', 'b2', 'b3', 'a1', 'a2', 'a3']);
    expect(connection.threads).toEqual([]);
  });
});

describe('threads', () => {
  it('beyond maxThreadsPerConnection are refused with a code, and the connection stays', async () => {
    const { link, clock, connection } = start({}, { maxThreadsPerConnection: 3 });
    for (const i of range(5)) link.say({ t: 'join', th: `t${i}`, ref: i });
    link.say({
      t: 'joins',
      l: [
        ['t0', 5],
        ['t6', 6],
      ],
    });
    await clock.settle();
    expect(connection.threads).toHaveLength(3);
    expect(framesOf(link, 'err')).toEqual(
      [3, 4, 6].map((ref) => ({ t: 'err', code: 'TC_TOO_MANY_THREADS', th: `t${ref}`, ref })),
    );
    link.say({ t: 'leave', th: 't0' });
    await clock.settle();
    link.say({ t: 'join', th: 't7' });
    await clock.settle();
    expect(connection.threads).toEqual(['t1', 't2', 't7']);
    // the application knows what it does
    await connection.join('t8');
    expect(connection.threads).toHaveLength(4);
    expect(connection.state).toBe('open');
  });

  it('ten thousand of one client come in single joins at once', async () => {
    const { link, clock, connection } = start();
    for (const i of range(10_000)) link.say({ t: 'join', th: `thread-${i}` });
    await clock.settle();
    expect(connection.threads).toHaveLength(10_000);
    expect(connection.state).toBe('open');
  });
});

describe('a frame', () => {
  const oversized = { t: 'pub', th: 't', id: 'big', d: 'x'.repeat(70_000) };

  it('that is too big is refused with a code, and names the message; the connection stays', async () => {
    const { link, clock } = start({ onPublish: () => true });
    link.say(oversized);
    link.say(`{"d":"${'x'.repeat(70_000)}","t":"pub","th":"t","id":"big"}`);
    link.say({ t: 'pub', th: 't', id: 'next', d: 0 });
    await clock.settle();
    expect(framesOf(link, 'err')).toEqual([
      { t: 'err', code: 'TC_MESSAGE_TOO_LARGE', th: 't', id: 'big' },
      { t: 'err', code: 'TC_MESSAGE_TOO_LARGE' },
    ]);
    expect(framesOf(link, 'ok')).toHaveLength(1);
    link.say({ ...oversized, d: 'x'.repeat(2 ** 20) });
    expect(link.closeCode).toBe(1009);
  });

  it('is taken where the hub takes larger ones', async () => {
    const { link, clock } = start({ onPublish: () => true }, { maxInputBytes: 2 ** 20 });
    link.say(oversized);
    await clock.settle();
    expect(framesOf(link, 'ok')).toHaveLength(1);
  });

  it.each([
    ['deep', `${'['.repeat(200)}${']'.repeat(200)}${' '.repeat(200)}`],
    ['wide', JSON.stringify(range(15_000).map(() => []))],
    ['of many fields', JSON.stringify(Object.fromEntries(range(7_000).map((i) => [i.toString(36), 1])))],
  ])('that is %s is refused unread', async (_, d) => {
    const { link, clock } = start({ onPublish: () => true });
    link.say(`{"t":"pub","th":"t","id":"a","d":${d}}`);
    link.say({ t: 'pub', th: 't', id: 'b', d: range(10_000).map(() => 'a[,{:"\\') });
    link.say({ t: 'pub', th: 't', id: 'c', d: range(3_000).map((n) => [n]) });
    await clock.settle();
    expect(framesOf(link, 'err')).toEqual([
      // 110 KB, which is seen before its turn has come
      { t: 'err', code: 'TC_MESSAGE_TOO_LARGE', th: 't', id: 'b' },
      { t: 'err', code: 'too-complex', th: 't', id: 'a' },
    ]);
    expect(framesOf(link, 'ok').map(({ id }) => id)).toEqual(['c']);
  });

  it('costs by what is in it', async () => {
    const { link, clock } = start({}, { maxInputPerSecond: 150 });
    // 750 points are there at once; each of these takes 63 for its bytes and 253 for what is in it
    const wide = JSON.stringify({ t: 'x', d: range(32_500).map(() => 1) });
    for (const isOpen of [true, true, false]) {
      link.say(wide);
      await clock.settle();
      expect(link.isClosed).toBe(!isOpen);
    }
    expect(link.closeCode).toBe(4429);
  });

  it('of a word that the server does not know costs as well', async () => {
    const { link, clock } = start({}, { maxInputPerSecond: 10 });
    for (const _ of range(51)) link.say({ t: 'news' });
    await clock.settle();
    expect(link.closeCode).toBe(4429);
  });

  it('says no more than is worth keeping of streams, of a message in parts and of a trace', () => {
    const read = (frame: object) => parseFrame(Buffer.from(JSON.stringify(frame)));
    const s = Object.fromEntries(range(2_000).map((i) => [`s${i}`, 1]));
    const have = { o: 1, id: 'x'.repeat(1_000), n: 1, of: 2 };
    const join = read({ t: 'join', th: 't', s: { ...s, 'no id': 1 }, parts: true, have });
    expect(join).toMatchObject({ join: { parts: { unfinished: undefined } } });
    expect(join).toHaveProperty('join.texts.size', 64);
    expect(read({ t: 'pub', th: 't', id: 'a', d: 1, tp: 'x'.repeat(1_000) })).toHaveProperty('tp', undefined);
  });
});

it.each(['sayPing', 'sayPong'] as const)('%s without end closes the connection', async (say) => {
  const { link, clock } = start({}, { maxInputPerSecond: 10 });
  for (const _ of range(50)) link[say]();
  expect(link.isClosed).toBe(false);
  link[say]();
  await clock.settle();
  expect(link.closeCode).toBe(4429);
});

describe('a budget', () => {
  const flood = (link: FakeLink, frames: number): void => {
    for (const _ of range(frames)) link.say({ t: 'news' });
  };

  it('is shared by the connections of a user', async () => {
    const { clock } = start({}, { maxInputPerSecond: 10 });
    // fifty for each connection, a hundred for the user
    const links = range(5).map(() => accept({ userId: 'mallory' }).link);
    const other = accept({ userId: 'ada' }).link;
    for (const link of links) flood(link, 30);
    flood(other, 30);
    await clock.settle();
    expect(links.map(({ closeCode }) => closeCode)).toContain(4429);
    expect(other.isClosed).toBe(false);
  });

  it('is shared by the connections from an address, of IPv6 from a network', async () => {
    const limits = { maxInputPerSecond: 10, maxInputPerSecondPerAddress: 10 };
    const { clock } = start({}, limits);
    const closed = async (addresses: readonly string[]): Promise<number> => {
      const links = addresses.map((address) => accept({ address }).link);
      for (const link of links) flood(link, 30);
      await clock.settle();
      return links.filter(({ isClosed }) => isClosed).length;
    };
    expect(await closed(['192.0.2.1', '192.0.2.2'])).toBe(0);
    expect(await closed(['192.0.2.3', '::ffff:192.0.2.3'])).toBeGreaterThan(0);
    expect(await closed(['2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6'])).toBeGreaterThan(0);
    expect(await closed(['2001:db8:1:3::1', '2001:db8:1:4::1'])).toBe(0);
  });

  it('outlives the connection, and is as good as new after a while', async () => {
    const { clock } = start({}, { maxInputPerSecond: 10, maxInputPerSecondPerUser: 10 });
    const first = accept({ userId: 'mallory' }).link;
    flood(first, 51);
    await clock.settle();
    expect(first.closeCode).toBe(4429);
    const again = accept({ userId: 'mallory' }).link;
    flood(again, 20);
    await clock.settle();
    expect(again.closeCode).toBe(4429);
    await clock.advance(10_000);
    const later = accept({ userId: 'mallory' }).link;
    flood(later, 40);
    await clock.settle();
    expect(later.isClosed).toBe(false);
  });

  it('of all connections together closes those that send most', async () => {
    const { clock } = start({}, { maxInputPerSecond: 100, maxInputPerSecondTotal: 10 });
    const heavy = accept().link;
    const light = accept().link;
    flood(heavy, 120);
    flood(light, 10);
    await clock.settle();
    expect(heavy.closeCode).toBe(4429);
    expect(light.isClosed).toBe(false);
  });
});

it('a client that reads nothing is asked nothing more for, and goes on where it reads again', async () => {
  const heard: string[] = [];
  const { link, clock, connection, hub, run } = start({ onPublish: ({ id }) => void heard.push(id) });
  await connection.join('t');
  link.stall();
  await run(hub.thread('t').send('x'.repeat(600_000)));
  for (const i of range(3_000)) link.say({ t: 'pub', th: 't', id: `${i}`, d: 1 });
  await clock.settle();
  expect(heard.length).toBeLessThan(1_500);
  link.resume();
  await clock.settle();
  expect(heard).toHaveLength(3_000);
  expect(framesOf(link, 'ok')).toHaveLength(3_000);
  expect(connection.state).toBe('open');
});
