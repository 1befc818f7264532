import { afterEach, expect, it } from 'vitest';
import type { Connection, HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness | undefined;

afterEach(async () => {
  await harness?.close();
  expect(harness?.errors ?? []).toEqual([]);
  expect(harness?.hub.stats().segmentsInUse ?? 0).toBe(0);
  expect(harness?.clock.pending ?? 0).toBe(0);
  harness = undefined;
});

const MB = 1024 * 1024;
const BIG = 'x'.repeat(3 * MB);

interface Room extends Harness {
  link: FakeLink;
  connection: Connection;
  ends: { code: number; reason: string }[];
}

/** One that has joined, and has taken the beginning of a big message. */
async function room(options: HubOptions & { parts?: boolean } = {}): Promise<Room> {
  const { parts = false, ...rest } = options;
  const made = makeHarness(rest);
  harness = made;
  const link = new FakeLink();
  const connection = made.hub.accept(link.attach, { authorize: () => true });
  const ends: Room['ends'] = [];
  connection.on('evicted', (end) => ends.push(end));
  link.say({ t: 'join', th: 't', parts });
  await made.clock.settle();
  link.stall();
  const receipt = await made.run(made.hub.thread('t').send(BIG));
  expect(receipt.behind).toBe(1);
  return { ...made, link, connection, ends };
}

it('a message that has begun goes out to its end, then the close code, and nothing after it', async () => {
  const { hub, link, connection, clock, run, ends } = await room();
  const volatile = hub.thread('t').send('not for it', { lane: 'volatile' });
  connection.close(4403, 'out');
  expect(ends).toEqual([{ code: 4403, reason: 'out' }]);
  expect(connection.state).toBe('evicted');
  await run(volatile);
  await run(hub.thread('t').send('nor this'));
  expect(link.closeCode).toBeUndefined();
  link.resume();
  await clock.settle();
  expect(dataOf(link)).toEqual([BIG]);
  expect(link.closeCode).toBe(4403);
});

it.each(['retrying', 'tripped'] as const)(
  'the close code arrives whenever the peer reads, also from %s',
  async (state) => {
    const { link, connection, clock } = await room();
    if (state === 'tripped') connection.trip();
    else await clock.advance(7_000);
    expect(connection.state).toBe(state);
    connection.close(4409, 'replaced');
    await clock.advance(4_000);
    expect(link.closeCode).toBeUndefined();
    link.resume();
    await clock.settle();
    expect(dataOf(link)).toEqual([BIG]);
    expect(link.closeCode).toBe(4409);
  },
);

it('a peer that takes nothing is cut after sendTimeoutMs, one that takes something is not, and none takes longer than 30 s', async () => {
  const { hub, link, connection, clock } = await room();
  const slow = new FakeLink();
  const other = hub.accept(slow.attach, { authorize: () => true });
  slow.say({ t: 'join', th: 't', from: 'start' });
  slow.stall();
  await clock.settle();
  for (const ending of [connection, other]) ending.close(4403);
  for (let second = 0; second < 29; second++) {
    await clock.advance(1_000);
    if (second % 4 === 0) slow.take(1);
    expect(link.closeCode).toBe(second < 5 ? undefined : 1006);
    expect(slow.closeCode).toBeUndefined();
  }
  await clock.advance(3_000);
  expect(slow.closeCode).toBe(1006);
});

/** Can stop reading, as sockets can. */
class PausingLink extends FakeLink {
  isPaused = false;

  pauseReading(): void {
    this.isPaused = true;
  }

  resumeReading(): void {
    this.isPaused = false;
  }
}

it('a peer that goes on talking after its end is read no more, and cut when it has had time to read the close code', async () => {
  harness = makeHarness();
  const { hub, clock } = harness;
  const link = new PausingLink();
  const connection = hub.accept(link.attach, { authorize: () => true });
  link.stall();
  connection.close(4429);
  const talk = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) link.say({ t: 'nothing' });
    await clock.settle();
  };
  await talk(4_000);
  expect(link.isPaused).toBe(false);
  await talk(100);
  expect(link.isPaused).toBe(true);
  await clock.advance(400);
  expect(link.closeCode).toBeUndefined();
  await clock.advance(100);
  expect(link.closeCode).toBe(1006);
});

it('who reads in that time has the code', async () => {
  harness = makeHarness();
  const { hub, clock } = harness;
  const link = new PausingLink();
  const connection = hub.accept(link.attach, { authorize: () => true });
  link.stall();
  connection.close(4429);
  for (let i = 0; i < 5_000; i++) link.say({ t: 'nothing' });
  link.resume();
  await clock.settle();
  expect(link.closeCode).toBe(4429);
});

it('a link that cannot stop reading is cut', async () => {
  const { link, connection } = await room();
  connection.close(4429);
  for (let i = 0; i < 8; i++) link.say({ t: 'nothing', x: 'x'.repeat(1_000_000) });
  expect(link.closeCode).toBe(1006);
});

it('of a message in parts, the parts that have begun go out', async () => {
  const { link, connection, clock } = await room({ parts: true });
  connection.close(1012, 'service restart');
  link.resume();
  await clock.settle();
  const parts = framesOf(link, 'part');
  expect(parts.length).toBeGreaterThan(0);
  expect(parts.at(-1)).not.toHaveProperty('last');
  expect(link.closeCode).toBe(1012);
});

it.each(['close', 'drain'] as const)('hub.%s waits for what has begun where the peer takes it', async (how) => {
  const { hub, link, clock } = await room();
  const dead = new FakeLink();
  hub.accept(dead.attach);
  dead.stall();
  const done = how === 'close' ? hub.close() : hub.drain({ timeoutMs: 0 });
  for (let i = 0; i < 14; i++) {
    await clock.advance(500);
    link.take(500_000);
  }
  await clock.advance(1_000);
  await done;
  expect(dataOf(link)).toEqual([BIG]);
  expect(framesOf(link, 'bye')).toHaveLength(how === 'drain' ? 1 : 0);
  expect(link.closeCode).toBe(how === 'drain' ? 1012 : 1001);
  expect(dead.closeCode).toBe(1006);
});

it('what goes out after the end is counted as sent', async () => {
  const { link, connection, clock } = await room();
  connection.close(4403);
  link.resume();
  await clock.settle();
  expect(connection.stats.bytes).toBe(link.takenBytes);
});

it.each([
  [1000, '', 'closed', 0],
  [1005, '', 'closed', 0],
  [1001, '', 'going away', 0],
  [4000, '', '', 0],
  [1000, 'bye', 'bye', 0],
  [1006, '', 'connection lost', 1],
])(
  'a client that leaves with %i "%s" is said to have left so, and has not been evicted',
  async (code, said, reason, evictions) => {
    harness = makeHarness();
    const { link, connection } = harness.connect();
    const ends: unknown[] = [];
    connection.on('evicted', (end) => ends.push(end));
    link.hangUp(code, said);
    expect(ends).toEqual([{ code, reason }]);
    expect(harness.hub.stats().connectionsEvicted).toBe(evictions);
  },
);

it('bytes that move while the breaker probes are a sign of life', async () => {
  const { link, connection, clock } = await room({ sendTimeoutMs: 5_000, cooldownMs: 30_000 });
  connection.trip();
  await clock.advance(31_000);
  expect(connection.stats.path).toBe('tripped.probing');
  link.take(1);
  await clock.advance(2_000);
  expect(connection.state).toBe('open');
  connection.trip();
  // but not those that moved before it asked
  link.take(1);
  await clock.advance(36_000);
  expect(connection.state).toBe('evicted');
});
