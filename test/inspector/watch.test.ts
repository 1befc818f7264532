import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { answer, type Clock, type Connection, type Hub } from '../../src/index.ts';
import type { ListQuery, Look, Sight } from '../../src/inspector/protocol.ts';
import { backgroundClock } from '../../src/infra/time/clock.ts';
import { Pools } from '../../src/inspector/pools.ts';
import { Watch } from '../../src/inspector/watch.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

const ALL: ListQuery = {
  kind: 'connections',
  search: '',
  state: '',
  sort: 'age',
  isDescending: true,
  from: 0,
  count: 100,
};

let harness: Harness;
let listeners: number;
let watch: Watch;
/** Of the hub itself. */
let timers: number;

/** The hub, with a count of those who listen to it. */
function counted(hub: Hub): Hub {
  return new Proxy(hub, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== 'on') return value.bind(target);
      return (...args: unknown[]) => {
        const off: unknown = value.apply(target, args);
        listeners++;
        return () => {
          listeners--;
          if (typeof off === 'function') off();
        };
      };
    },
  });
}

beforeEach(() => {
  harness = makeHarness();
  listeners = 0;
  timers = harness.clock.pending;
  watch = watchOn(harness.clock);
});

afterEach(async () => {
  watch.close();
  await harness.close();
});

const look = (viewer = 'one', facts: Partial<Look> = {}): Promise<Sight> =>
  watch.look({ viewer, samplesAfter: 0, notesAfter: 0, list: ALL, selected: undefined, ...facts });

const usersOf = ({ list }: Sight) => list.rows.map((row) => (row.kind === 'connections' ? row.userId : row.id));

const watchOn = (clock: Clock): Watch =>
  new Watch(counted(harness.hub), { hasActions: true, maxViewers: 2, clock, pools: new Pools([]) });

/** Connections of `user-0` and so on, the oldest first, a second between them. */
async function crowd(count: number): Promise<{ link: FakeLink; connection: Connection }[]> {
  const members: { link: FakeLink; connection: Connection }[] = [];
  for (let i = 0; i < count; i++) {
    const link = new FakeLink();
    members.push({ link, connection: harness.hub.accept(link.attach, { userId: `user-${i}` }) });
    await harness.clock.advance(1_000);
  }
  return members;
}

describe('an inspector that nobody watches', () => {
  it('has no listener and no timer, before the first look and after the last', async () => {
    expect([listeners, harness.clock.pending - timers, watch.isOpen]).toEqual([0, 0, false]);
    await look();
    expect(listeners).toBe(2);
    expect([harness.clock.pending - timers, watch.isOpen]).toEqual([2, true]);
    await harness.clock.advance(9_000);
    expect(watch.isOpen).toBe(true);
    await harness.clock.advance(2_000);
    expect([listeners, harness.clock.pending - timers, watch.isOpen]).toEqual([0, 0, false]);
  });

  it('says that it has begun anew, so that nobody waits for the numbers of the time before', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { since } = await look();
    await harness.clock.advance(5_000);
    expect((await look()).since).toBe(since);
    await harness.clock.advance(11_000);
    vi.setSystemTime(since + 16_000);
    expect((await look()).since).toBe(since + 16_000);
    vi.useRealTimers();
  });

  it('goes on for as long as one of them looks', async () => {
    await look('one');
    for (let i = 0; i < 10; i++) {
      await look('two');
      await harness.clock.advance(5_000);
    }
    expect(watch.isOpen).toBe(true);
    await look('three');
    await expect(look('four')).rejects.toMatchObject({ status: 503 });
  });

  it('closed, it refuses', async () => {
    await look();
    watch.close();
    await expect(look()).rejects.toMatchObject({ status: 503, code: 'TC_INSPECTOR_CLOSED' });
    expect([listeners, harness.clock.pending - timers]).toEqual([0, 0]);
  });
});

describe('what it shows', () => {
  /** After a survey that is fresh no longer. */
  const again = async (facts: Partial<Look> = {}): Promise<Sight> => {
    await harness.clock.advance(500);
    return look('one', facts);
  };
  const listed = async (facts: Partial<ListQuery>): Promise<unknown[]> =>
    usersOf(await again({ list: { ...ALL, ...facts } }));

  it('rows in the order that is asked for, those of the same value in the order of their arrival', async () => {
    const members = await crowd(5);
    for (const { connection } of members) await connection.join('t');
    members[3]?.connection.trip();
    members[1]?.link.stall();
    await harness.run(harness.hub.thread('t').send('x'.repeat(600_000)));
    await harness.run(harness.hub.thread('t').send(2));
    expect(await listed({ sort: 'age' })).toEqual(['user-0', 'user-1', 'user-2', 'user-3', 'user-4']);
    expect(await listed({ sort: 'age', isDescending: false })).toEqual([
      'user-4',
      'user-3',
      'user-2',
      'user-1',
      'user-0',
    ]);
    expect(await listed({ sort: 'state' })).toEqual(['user-3', 'user-0', 'user-1', 'user-2', 'user-4']);
    expect(await listed({ sort: 'lag' })).toEqual(['user-3', 'user-1', 'user-0', 'user-2', 'user-4']);
    expect((await listed({ sort: 'unsent' }))[0]).toBe('user-1');
    expect((await listed({ sort: 'trips' }))[0]).toBe('user-3');
    expect(await listed({ from: 1, count: 2 })).toEqual(['user-1', 'user-2']);
    const { rows } = (await again({ list: { ...ALL, kind: 'threads' } })).list;
    expect(rows).toMatchObject([{ id: 't', state: 'live', members: 5, behind: 2, lag: 2, messages: 2 }]);
  });

  it('rows that match a text in any case, and a state with its steps', async () => {
    const members = await crowd(12);
    members[7]?.connection.trip();
    expect(await listed({ search: 'USER-1' })).toEqual(['user-1', 'user-10', 'user-11']);
    expect(await listed({ search: members[4]?.connection.id.toUpperCase() ?? '' })).toEqual(['user-4']);
    expect(await listed({ state: 'tripped' })).toEqual(['user-7']);
    expect(await listed({ state: 'tripped.probing' })).toEqual([]);
    expect(await listed({ state: 'open', search: 'user-7' })).toEqual([]);
  });

  it('how many are in each state, and which edges were taken in the last minute', async () => {
    const [one] = await crowd(3);
    await look();
    one?.connection.trip();
    const connections = ({ machines }: Sight) => machines.find(({ machine }) => machine === 'connection');
    expect(connections(await again())).toMatchObject({
      states: { open: 2, 'tripped.coolingDown': 1 },
      edges: [{ count: 1, agoMs: 500 }],
    });
    const watchFor = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i += 5) {
        await look();
        await harness.clock.advance(5_000);
      }
    };
    await watchFor(35);
    expect(connections(await again())).toMatchObject({ states: { open: 3 }, edges: [{}, {}, {}] });
    await watchFor(65);
    expect(connections(await look())).toMatchObject({ states: { open: 3 }, edges: [] });
  });

  it('one connection with its steps, also when it has ended', async () => {
    const [one] = await crowd(1);
    await one?.connection.join('t');
    const selected = { kind: 'connections', id: one?.connection.id ?? '' } as const;
    expect((await again({ selected })).selected).toMatchObject({
      row: { state: 'open' },
      history: [],
      connection: { threads: ['t'], threadCount: 1 },
    });
    for (let i = 0; i < 30; i++) {
      one?.connection.trip();
      one?.connection.reset();
    }
    watch.act({ action: 'evict', connectionId: selected.id });
    const { selected: seen, notes, hub, machines } = await again({ selected });
    expect(seen?.row.state).toBe('evicted');
    expect(seen?.history).toHaveLength(40);
    expect(seen?.history.at(-1)).toMatchObject({ from: 'open', to: 'evicted', event: 'evict' });
    expect(notes).toMatchObject([{ n: 1, userId: 'user-0', code: 4408, reason: 'evicted by an operator' }]);
    // at once, and the same everywhere
    expect(hub).toMatchObject({ connections: 0, evicted: 1 });
    expect(machines[0]?.states).toEqual({ evicted: 1 });
    expect((await again({ notesAfter: 1 })).notes).toEqual([]);
    expect((await again({ selected: { kind: 'threads', id: 'not an id' } })).selected).toBeUndefined();
  });

  it('a sample each second, those that the page has not got yet', async () => {
    const [one] = await crowd(2);
    await one?.connection.join('t');
    await look();
    for (let i = 0; i < 50; i++) await harness.run(harness.hub.thread('t').send(i));
    await harness.clock.advance(1_000);
    one?.connection.trip();
    await harness.clock.advance(1_000);
    const { samples } = await look();
    expect(samples).toMatchObject([
      { n: 1, published: 50, deliveries: 50, open: 2, tripped: 0 },
      { n: 2, published: 0, deliveries: 0, open: 1, tripped: 1 },
    ]);
    expect((await again({ samplesAfter: 1 })).samples.map(({ n }) => n)).toEqual([2]);
  });

  it('acts on a connection that is there', async () => {
    const [one] = await crowd(1);
    const connectionId = one?.connection.id ?? '';
    watch.act({ action: 'trip', connectionId });
    expect(one?.connection.state).toBe('tripped');
    watch.act({ action: 'reset', connectionId });
    expect(one?.connection.state).toBe('open');
    expect(() => watch.act({ action: 'reset', connectionId: 'nobody' })).toThrow('no such connection');
  });

  it('looks again after three seconds, however long a busy machine has held up a survey', async () => {
    const [one] = await crowd(2);
    let [now, step] = [0, 1_000];
    watch.close();
    watch = watchOn({
      now: () => (now += step),
      nextTurn: queueMicrotask,
      setTimeout: () => undefined,
      clearTimeout: () => {},
    });
    expect((await look()).list.total).toBe(2);
    step = 0;
    one?.connection.close();
    now += 3_000;
    expect((await look()).list.total).toBe(1);
  });

  it('survives connections that come and go while it surveys them', async () => {
    const members = await crowd(400);
    // each look at it is a millisecond later: a slice of the survey is over after 64 connections
    let now = 0;
    const slices: (() => void)[] = [];
    const nextTurn = (callback: () => void): void => void slices.push(callback);
    watch.close();
    watch = watchOn({ now: () => ++now, nextTurn, setTimeout: () => undefined, clearTimeout: () => {} });
    const pending = look();
    await harness.clock.settle();
    expect(slices).toHaveLength(1);
    for (const { connection } of members.slice(0, 200)) connection.close();
    while (slices.length > 0) {
      slices.shift()?.();
      await harness.clock.settle();
    }
    const { list } = await pending;
    // those that it had seen before they ended
    expect(list.total).toBe(200 + 64);
    expect(list.rows[0]).toMatchObject({ userId: 'user-0', state: 'evicted' });
  });
});

it('keeps no process alive to be watched', () => {
  const timer = backgroundClock.setTimeout(() => {}, 60_000);
  expect(timer).toHaveProperty('hasRef');
  expect(timer instanceof Object && 'hasRef' in timer && typeof timer.hasRef === 'function' && timer.hasRef()).toBe(
    false,
  );
  backgroundClock.clearTimeout(timer);
});

describe('an end', () => {
  it('is a goodbye where the client wanted it, and an eviction where its line broke or the hub ended it', async () => {
    await look();
    const [ada, bob, eve] = await crowd(3);
    ada?.link.close(1000, 'bye');
    bob?.link.terminate();
    eve?.connection.close(4408, 'slow consumer');
    await harness.clock.advance(1_000);
    const { notes, hub, machines } = await look();
    expect(Object.fromEntries(notes.map(({ userId, isGoodbye }) => [userId, isGoodbye]))).toEqual({
      'user-0': true,
      'user-1': false,
      'user-2': false,
    });
    expect(hub.evicted).toBe(2);
    expect(machines.find(({ machine }) => machine === 'connection')?.states['evicted']).toBe(2);
    expect(harness.hub.stats().connectionsEvicted).toBe(2);
  });
});

describe('a thread', () => {
  it('says who its members are, the first fifty', async () => {
    for (const { connection } of await crowd(60)) await connection.join('room');
    const { selected } = await look('one', { selected: { kind: 'threads', id: 'room' } });
    expect(selected?.members).toHaveLength(50);
    expect(selected?.members?.[0]).toMatchObject({ userId: 'user-0' });
    expect(selected?.row).toMatchObject({ members: 60 });
  });
});

it('says how many answers to clients are remembered, and how many retries got one', async () => {
  const link = new FakeLink();
  harness.hub.accept(link.attach, { userId: 'ada', authorize: () => true, onPublish: () => answer('yes') });
  await harness.run(look());
  for (const id of ['one', 'one', 'two']) {
    link.say({ t: 'pub', th: 't', id, d: 1 });
    await harness.clock.advance(1_000);
  }
  const { hub } = await harness.run(look());
  expect(hub).toMatchObject({ connections: 1, answers: { remembered: 2, repeated: 1 } });
});
