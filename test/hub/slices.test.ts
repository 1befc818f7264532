import { afterEach, expect, it } from 'vitest';
import { memoryLog, type DeliveryLog } from '../../src/index.ts';
import type { Body } from '../../src/api/body.ts';
import type { LogReset } from '../../src/api/log.ts';
import type { Piece } from '../../src/api/socket.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

const SLICE_MS = 2;
/** What leaving a thread costs here. */
const LEAVE_MS = 0.01;

let harness: Harness;

afterEach(() => harness.close());

/** The longest stretch between two turns of the event loop, while `work` comes to its end. */
async function longestHold(clock: VirtualClock, work: () => void, isDone: () => boolean): Promise<number> {
  let longest = 0;
  let last = clock.now();
  const look = (): void => {
    longest = Math.max(longest, clock.now() - last);
    last = clock.now();
    if (!isDone()) clock.nextTurn(look);
  };
  clock.nextTurn(look);
  work();
  await clock.settle();
  expect(isDone()).toBe(true);
  return longest;
}

it('a connection that ends leaves its ten thousand threads in slices', async () => {
  harness = makeHarness({ sliceMs: SLICE_MS });
  const { hub, clock } = harness;
  const link = new FakeLink();
  const connection = hub.accept(link.attach);
  for (let i = 0; i < 10_000; i++) await connection.join(`t${i}`);
  // each thread that is deserted says so
  hub.on('transition', ({ to }) => {
    if (to === 'idle') clock.spend(LEAVE_MS);
  });
  const isDone = (): boolean => [0, 5_000, 9_999].every((i) => hub.thread(`t${i}`).stats.members === 0);
  const longest = await longestHold(clock, () => link.hangUp(), isDone);
  expect(longest).toBeLessThanOrEqual(2 * SLICE_MS + 66 * LEAVE_MS);
  expect(hub.stats().longestSliceMs).toBeLessThanOrEqual(SLICE_MS + LEAVE_MS + 0.001);
  expect(hub.stats().longestSliceMs).toBeGreaterThan(1);
});

/** The memory log, whose history a test can reset. */
function resettableLog(clock: VirtualClock): { log: DeliveryLog; reset: (why: 'fork' | 'epoch') => void } {
  const log: DeliveryLog = memoryLog({ clock });
  const subscribe = log.subscribe.bind(log);
  let onReset: ((reset: LogReset) => void) | undefined;
  log.subscribe = (threadId, onEntry, onMessage, reset) => {
    onReset = reset;
    return subscribe(threadId, onEntry, onMessage, reset);
  };
  return {
    log,
    reset: (why) => onReset?.({ why, after: 0 }),
  };
}

/** What a system call costs here. */
const WRITE_MS = 0.02;

class SlowLink extends FakeLink {
  readonly #clock: VirtualClock;

  readonly #writeMs: number;

  constructor(clock: VirtualClock, writeMs = WRITE_MS) {
    super();
    this.#clock = clock;
    this.#writeMs = writeMs;
  }

  override write(piece: Piece, body: Body | undefined): void {
    this.#clock.spend(this.#writeMs);
    super.write(piece, body);
  }

  override close(code: number, reason: string): void {
    this.#clock.spend(WRITE_MS);
    super.close(code, reason);
  }
}

it('a log that begins anew tells the members of a thread in slices, each before what comes next', async () => {
  const clock = new VirtualClock();
  const { log, reset } = resettableLog(clock);
  harness = makeHarness({ sliceMs: SLICE_MS, clock, log });
  const { hub, run } = harness;
  const links = Array.from({ length: 2_000 }, () => new SlowLink(clock));
  for (const link of links) await hub.accept(link.attach).join('t');
  await clock.advance(1_000);
  const told = (): number => links.filter((link) => framesOf(link, 'gap').length === 1).length;
  const longest = await longestHold(clock, () => reset('fork'), () => told() === links.length); // prettier-ignore
  expect(longest).toBeLessThanOrEqual(2 * SLICE_MS + 16 * WRITE_MS);
  // and twice in one turn: once, for the greater loss
  reset('epoch');
  reset('fork');
  await run(hub.thread('t').send('next'));
  for (const link of links) {
    expect(framesOf(link, 'gap').map(({ why }) => why)).toEqual(['fork', 'epoch']);
    expect(link.messages.at(-1)).toMatchObject({ t: 'msg', d: 'next' });
  }
  expect(hub.stats().longestSliceMs).toBeLessThanOrEqual(SLICE_MS + 16 * 2 * WRITE_MS + 0.001);
});

it('a long history goes out in slices to a socket that takes everything, as one does that was reset', async () => {
  const clock = new VirtualClock();
  harness = makeHarness({ sliceMs: SLICE_MS, clock });
  const { hub } = harness;
  for (let i = 0; i < 900; i++) void hub.thread('t').send('x'.repeat(20_000));
  await clock.settle();
  // joining 256 KiB takes that long
  const runMs = 0.3;
  const link = new SlowLink(clock, runMs);
  hub.accept(link.attach, { authorize: () => true });
  const isDone = (): boolean => link.received.length >= 900;
  const longest = await longestHold(clock, () => link.say({ t: 'join', th: 't', from: 'start' }), isDone);
  expect(longest).toBeLessThanOrEqual(2 * (SLICE_MS + 5 * runMs));
});

it.each(['close', 'drain'] as const)('hub.%s ends its connections in slices, which the meter sees', async (how) => {
  const clock = new VirtualClock();
  harness = makeHarness({ sliceMs: SLICE_MS, clock });
  const { hub } = harness;
  const links = Array.from({ length: 1_000 }, () => new SlowLink(clock));
  for (const link of links) await hub.accept(link.attach).join('t');
  await clock.advance(1_000);
  const before = hub.stats().longestSliceMs;
  let isDone = false;
  const end = (): void => void hub[how]().then(() => (isDone = true)); // prettier-ignore
  const longest = await longestHold(clock, end, () => links.every(({ closeCode }) => closeCode !== undefined));
  expect(longest).toBeLessThanOrEqual(2 * SLICE_MS + 2 * WRITE_MS);
  expect(hub.stats().longestSliceMs).toBeGreaterThanOrEqual(Math.max(before, SLICE_MS - WRITE_MS));
  await clock.advance(2_000);
  expect(isDone).toBe(true);
});

it('hub.stats() counts the token streams of all threads', async () => {
  harness = makeHarness();
  const { hub, clock, run } = harness;
  const streams = ['a', 'b', 'c'].map((id) => hub.thread(id).stream());
  for (const stream of streams) stream.append('x');
  await clock.settle();
  expect(hub.stats().streams).toBe(3);
  await run(Promise.resolve(streams[0]?.end()));
  await run(hub.thread('b').delete());
  expect(hub.stats().streams).toBe(1);
});

it('who ends is nobody that a message is offered to, also while it is leaving its threads', async () => {
  harness = makeHarness();
  const { hub, clock, run, connect } = harness;
  const { link, connection } = connect();
  const { connection: other } = connect();
  for (let i = 0; i < 1_000; i++) await connection.join(`t${i}`);
  await other.join('t999');
  clock.spend(10);
  link.hangUp();
  expect(hub.thread('t999').members).toEqual([other]);
  const receipt = await run(hub.thread('t999').send('hi'));
  expect(receipt).toMatchObject({ recipients: 1, written: 1, behind: 0 });
});

it('a history is parsed in slices, a message at a time', async () => {
  harness = makeHarness({ sliceMs: SLICE_MS });
  const { hub, clock, run } = harness;
  const parse = JSON.parse;
  for (let i = 0; i < 100; i++) await run(hub.thread('t').send({ i }));
  const cost = 3;
  JSON.parse = (...args: Parameters<typeof parse>): unknown => {
    clock.spend(cost);
    return parse(...args);
  };
  let messages: readonly { data?: unknown }[] | undefined;
  try {
    const read = (): void => void hub.thread('t').history().then((page) => (messages = page.messages)); // prettier-ignore
    const longest = await longestHold(clock, read, () => messages !== undefined);
    expect(longest).toBeLessThanOrEqual(2 * (SLICE_MS + cost));
  } finally {
    JSON.parse = parse;
  }
  expect(messages?.map(({ data }) => data)).toEqual(Array.from({ length: 100 }, (_, i) => ({ i })));
  expect(hub.stats().longestSliceMs).toBeGreaterThanOrEqual(cost);
});

it('a history keeps what it reads alive, whatever the log trims meanwhile', async () => {
  const clock = new VirtualClock();
  harness = makeHarness({ clock, sliceMs: 0.1, log: memoryLog({ clock, maxEntries: 20 }) });
  const { hub, run } = harness;
  const big = Array.from({ length: 40_000 }, () => 'x');
  for (let i = 0; i < 20; i++) await run(hub.thread('t').send({ i, big }));
  const history = hub.thread('t').history();
  for (let i = 0; i < 20; i++) void hub.thread('t').send({ other: i, big });
  const { messages } = await run(history);
  expect(messages).toHaveLength(20);
  await harness.close();
  expect(hub.stats().segmentsInUse).toBe(0);
});

it('messages are followed to their end in slices, however many and for however many connections', async () => {
  harness = makeHarness({ sliceMs: SLICE_MS });
  const { hub, clock, run } = harness;
  const links = Array.from({ length: 1_000 }, () => new FakeLink());
  for (const link of links) await hub.accept(link.attach, { format: 'plain' }).join('t');
  for (const link of links) link.stall();
  const receipts = [];
  for (let i = 0; i < 50; i++) receipts.push(await run(hub.thread('t').send(i)));
  // time passes while connections are looked at, sixteen between two looks at the clock
  const now = clock.now.bind(clock);
  let looks = 0;
  clock.now = () => now() + ++looks * 0.01;
  const settled = receipts.map((receipt) => receipt.settled({ until: 'acked' }));
  let left = settled.length;
  for (const each of settled) void each.then(() => left--);
  await clock.advance(3_000);
  expect(looks).toBeGreaterThan((3 * 50 * 1_000) / 16);
  expect(left).toBe(50);
  expect(hub.stats().longestSliceMs).toBeLessThanOrEqual(SLICE_MS + 1);
  for (const link of links) link.resume();
  await clock.advance(10_000);
  expect(left).toBe(0);
  expect(await settled[0]).toMatchObject({ acked: 1_000, written: 0, behind: 0 });
});
