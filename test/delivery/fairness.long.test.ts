import { afterEach, expect, it } from 'vitest';
import { memoryLog } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, makeHarness, type Harness } from '../support/harness.ts';
import type { Piece } from '../../src/api/socket.ts';

const SLICE_MS = 2;
/** What a write costs here, about that of a system call. */
const WRITE_MS = 0.01;

let harness: Harness;

afterEach(() => harness.close());

/** A link whose writes take time, and that notes when each message came. */
class TimedLink extends FakeLink {
  readonly times: number[] = [];
  pings = 0;

  override write(piece: Piece): void {
    harness.clock.spend(WRITE_MS);
    this.times.push(harness.clock.now());
    super.write(piece, undefined);
  }

  override ping(seq: number): void {
    harness.clock.spend(WRITE_MS);
    this.pings++;
    super.ping(seq);
  }
}

async function join(threads: readonly string[]): Promise<TimedLink> {
  const link = new TimedLink();
  const connection = harness.hub.accept(link.attach, { format: 'plain' });
  for (const thread of threads) await connection.join(thread);
  return link;
}

it('a small thread waits one slice at most for a thread of ten thousand connections', async () => {
  harness = makeHarness({ sliceMs: SLICE_MS });
  const crowd = [];
  for (let i = 0; i < 10_000; i++) crowd.push(await join(['big']));
  const small = await join(['small']);
  const sentAt = harness.clock.now();
  void harness.hub.thread('big').send('to all');
  await harness.run(harness.hub.thread('small').send('to one'));
  const [big] = crowd.map(({ times }) => times[0] ?? 0).toSorted((a, b) => b - a);
  expect((small.times[0] ?? Infinity) - sentAt).toBeLessThanOrEqual(SLICE_MS + 16 * WRITE_MS + 2 * WRITE_MS);
  expect((big ?? 0) - sentAt).toBeGreaterThan(95);
  // and in the middle of it
  void harness.hub.thread('big').send('again');
  harness.clock.nextTurn(() => {
    const at = harness.clock.now();
    void harness.hub.thread('small').send(at);
  });
  await harness.clock.settle();
  expect((small.times[1] ?? Infinity) - Number(small.messages[1])).toBeLessThanOrEqual(2 * SLICE_MS);
  expect(harness.hub.stats().longestSliceMs).toBeLessThanOrEqual(SLICE_MS + 16 * WRITE_MS + 0.001);
});

it('ten thousand connections are pinged a few at a time, each once in the sweep, while others are written to', async () => {
  harness = makeHarness({ sliceMs: SLICE_MS });
  const { clock, hub, run } = harness;
  const crowd = [];
  for (let i = 0; i < 10_000; i++) crowd.push(await join(['big']));
  const small = await join(['small']);
  await run(hub.thread('big').send('to all'));
  // at the instant of the sweep
  const at = 1_000;
  clock.setTimeout(() => void hub.thread('small').send('to one'), at - clock.now());
  await clock.advance(at - clock.now());
  // all at once, they and their answers would come between the next message and its readers
  expect(crowd.filter(({ pings }) => pings > 0).length).toBeLessThanOrEqual(101);
  await clock.advance(999);
  expect(new Set(crowd.map(({ pings }) => pings))).toEqual(new Set([1]));
  expect((small.times[0] ?? Infinity) - at).toBeLessThanOrEqual(3 * SLICE_MS);
  expect(hub.stats().longestSliceMs).toBeLessThanOrEqual(SLICE_MS + 16 * WRITE_MS + 0.001);
});

it('ten thousand threads of two connections each are all served, and none waits for all others', async () => {
  harness = makeHarness({ sliceMs: SLICE_MS });
  const { hub, run } = harness;
  const links = [];
  for (let i = 0; i < 10_000; i++) links.push(await join([`t${i}`]), await join([`t${i}`]));
  await run(Promise.all(Array.from({ length: 10_000 }, (_, i) => hub.thread(`t${i}`).send(i))));
  expect(links.every(({ received }) => received.length === 1)).toBe(true);
  expect(hub.stats().longestSliceMs).toBeLessThanOrEqual(SLICE_MS + 2 * WRITE_MS + 0.001);
});

it('ten thousand connections are told in slices that the log is lost, and found again', async () => {
  const clock = new VirtualClock();
  const log = memoryLog({ clock });
  let change: (error: Error | undefined) => void = () => {};
  log.watch = (onChange) => {
    change = onChange;
  };
  harness = makeHarness({ clock, sliceMs: SLICE_MS, log });
  const crowd = [];
  for (let i = 0; i < 10_000; i++) {
    const link = new TimedLink();
    harness.hub.accept(link.attach);
    crowd.push(link);
  }
  const at = clock.now();
  change(new Error('lost'));
  expect(clock.now()).toBe(at);
  // in the middle of it
  clock.nextTurn(() => change(undefined));
  await clock.settle();
  const told = crowd.map(({ messages }) => messages.slice(1));
  const [up, down] = [true, false].map((isUp) => ({ t: 'log', up: isUp }));
  expect(told.every((news) => JSON.stringify(news.at(-1)) === JSON.stringify(up))).toBe(true);
  expect(told.filter((news) => news.length === 2)).toContainEqual([down, up]);
  expect(told.filter((news) => news.length === 1).length).toBeGreaterThan(5_000);
  expect(harness.hub.stats().longestSliceMs).toBeLessThanOrEqual(SLICE_MS + 16 * WRITE_MS + 0.001);
});

it('ten thousand threads that were deserted together are closed in slices', async () => {
  const clock = new VirtualClock();
  const log = memoryLog({ clock });
  const subscribe = log.subscribe.bind(log);
  log.subscribe = (...args) => {
    const subscription = subscribe(...args);
    if (subscription instanceof Promise) throw new TypeError('a log in memory answers at once');
    const unsubscribe = subscription.unsubscribe.bind(subscription);
    subscription.unsubscribe = () => {
      clock.spend(WRITE_MS);
      unsubscribe();
    };
    return subscription;
  };
  harness = makeHarness({ clock, sliceMs: SLICE_MS, threadIdleMs: 5_000, log });
  const { hub } = harness;
  for (let i = 0; i < 10_000; i++) void hub.thread(`t${i}`).send(i);
  await clock.advance(4_500);
  expect(hub.stats().threads).toBe(10_000);
  const left: number[] = [];
  const look = (): void => {
    left.push(hub.stats().threads);
    if (hub.stats().threads > 0 && left.length < 1_000) clock.nextTurn(look);
  };
  // at the instant of the sweep
  clock.setTimeout(look, 500);
  await clock.advance(4_000);
  expect(left.at(-1)).toBe(0);
  const most = Math.max(...left.map((now, i) => (left[i - 1] ?? 10_000) - now));
  expect(most * WRITE_MS).toBeLessThanOrEqual(SLICE_MS + 16 * WRITE_MS + 0.001);
});

it('one connection in a thousand threads gets each message once, and catches up with all of them', async () => {
  harness = makeHarness();
  const { hub, run, clock } = harness;
  const threads = Array.from({ length: 1_000 }, (_, i) => `t${i}`);
  const link = new FakeLink();
  const connection = hub.accept(link.attach);
  for (const thread of threads) await connection.join(thread);
  await run(Promise.all(threads.map((thread) => hub.thread(thread).send(thread))));
  expect(new Set(dataOf(link))).toEqual(new Set(threads));
  link.stall();
  await run(hub.thread('t0').send('x'.repeat(600_000)));
  await run(Promise.all(threads.map((thread) => hub.thread(thread).send(`${thread} again`))));
  link.resume();
  await clock.settle();
  expect(dataOf(link)).toHaveLength(2_001);
  expect(connection.stats.behind).toBe(0);
});

it('threads that come and go leave nothing behind', async () => {
  harness = makeHarness({ threadIdleMs: 1_000 });
  const { hub, run, clock } = harness;
  for (let round = 0; round < 20; round++) {
    const link = new FakeLink();
    const connection = hub.accept(link.attach);
    for (let i = 0; i < 50; i++) await connection.join(`r${round}.${i}`);
    await run(Promise.all(Array.from({ length: 50 }, (_, i) => hub.thread(`r${round}.${i}`).send(i))));
    expect(dataOf(link)).toHaveLength(50);
    connection.close();
    await clock.advance(2_000);
  }
  expect(hub.stats()).toMatchObject({ threads: 0, connections: { total: 0 } });
});
