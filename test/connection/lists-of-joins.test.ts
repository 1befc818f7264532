import { afterEach, expect, it } from 'vitest';
import type { AcceptOptions, HubOptions } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

function accept(options: AcceptOptions = {}, hub: HubOptions = {}) {
  harness = makeHarness(hub);
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, { authorize: (threadId) => threadId !== 'secret', ...options });
  return { link, connection, ...harness };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const threads = (from: number, to: number): string[] => range(from, to).map((n) => `t${n}`);

it('hello tells how many entries a list may have', () => {
  const { link } = accept();
  expect(framesOf(link, 'hello')[0]?.['limits']).toMatchObject({ list: 256 });
});

it('joins of many threads in one frame are each answered, with position, ref and refusal', async () => {
  const { link, hub, connection, run, clock } = accept();
  const { position } = await run(hub.thread('a').send(1));
  await run(hub.thread('a').send(2));
  link.say({
    t: 'joins',
    l: [
      ['a', 1, position],
      ['b', 2],
      ['secret', 3],
      ['', 4],
    ],
  });
  await clock.settle();
  expect(framesOf(link, 'joined')).toMatchObject([
    { th: 'a', ref: 1, pos: position, recovered: 1 },
    { th: 'b', ref: 2, recovered: 0 },
  ]);
  expect(framesOf(link, 'err').toSorted((a, b) => Number(a['ref']) - Number(b['ref']))).toMatchObject([
    { th: 'secret', ref: 3, code: 'forbidden' },
    { ref: 4, code: 'TC_INVALID_THREAD_ID' },
  ]);
  expect(dataOf(link)).toEqual([2]);
  expect(connection.threads).toEqual(['a', 'b']);
});

it('a list of joins says what the client has of streams, and asks for parts', async () => {
  const { link, hub, clock } = accept();
  const stream = hub.thread('a').stream({ id: 's' });
  stream.append('hello');
  await clock.settle();
  link.say({ t: 'joins', parts: true, l: [['a', 1, null, { s: 3 }, null]] });
  await clock.settle();
  expect(framesOf(link, 'tok')).toMatchObject([{ s: 's', at: 3, d: 'lo' }]);
});

/** Each look at it takes a quarter of a millisecond, so that slices end. */
class BusyClock extends VirtualClock {
  #looks = 0;

  override now(): number {
    return super.now() + 0.25 * this.#looks++;
  }
}

it('joins share the turns of the event loop, for all clients together', async () => {
  const { link, clock, connection, hub } = accept({}, { clock: new BusyClock() });
  const other = new FakeLink();
  const second = hub.accept(other.attach, { authorize: () => true });
  link.say({ t: 'joins', l: threads(0, 100).map((th, i) => [th, i + 1]) });
  other.say({ t: 'joins', l: threads(0, 100).map((th, i) => [th, i + 1]) });
  await Promise.resolve();
  const first = connection.threads.length;
  expect(first).toBeLessThan(30);
  expect(Math.abs(first - second.threads.length)).toBeLessThanOrEqual(1);
  await clock.settle();
  expect(connection.threads).toEqual(threads(0, 100));
  expect(second.threads).toHaveLength(100);
});

it('what a client asks of a thread comes after its listed join', async () => {
  const { link, connection, clock } = accept();
  link.say({
    t: 'joins',
    l: [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ],
  });
  link.say({ t: 'leave', th: 'b' });
  link.say({ t: 'joins', l: [['c', 4]] });
  await clock.settle();
  expect(connection.threads.toSorted()).toEqual(['a', 'c']);
  expect(framesOf(link, 'joined').map(({ ref }) => ref)).toEqual([1, 2, 3, 4]);
});

it('a client that does not read is answered no further, is not closed for it, and gets the rest later', async () => {
  const { link, hub, connection, clock, run } = accept({}, { highWaterMarkBytes: 262_144 });
  const names = threads(0, 250).map((name) => name.padEnd(120, '-'));
  for (const name of names.slice(0, 3)) await run(hub.thread(name).send('x'.repeat(100_000)));
  link.stall();
  link.say({ t: 'joins', l: names.map((th, i) => [th, i + 1, 'start']) });
  await clock.settle();
  expect(connection.threads.length).toBeLessThan(60);
  expect(connection.state).toBe('open');
  link.resume();
  await clock.settle();
  expect(connection.threads).toHaveLength(250);
  expect(framesOf(link, 'joined')).toHaveLength(250);
  expect(dataOf(link)).toHaveLength(3);
});

it('who sends lists without waiting for the answers is closed, and one whose list is too long or is none', async () => {
  for (const frames of [
    [1, 2, 3].map((n) => ({ t: 'joins', l: threads(n * 250, n * 250 + 250).map((th, i) => [th, i + 1]) })),
    [{ t: 'joins', l: threads(0, 257).map((th) => [th, 1]) }],
    [{ t: 'acks', l: threads(0, 257).map((th) => [th, 1]) }],
    [{ t: 'joins', l: {} }],
    [{ t: 'joins', l: [['a'], 'b'] }],
    [{ t: 'acks', l: [['a', '1']] }],
  ]) {
    const { link, clock } = accept();
    for (const frame of frames) link.say(frame);
    await clock.settle();
    expect(link.closeCode).toBe(frames.length > 1 ? 4429 : 4400);
    await harness.close();
  }
});

it('acknowledgements that are news do not count against the client; others do', async () => {
  const { link, hub, connection, clock, run } = accept({}, { maxInputPerSecond: 2 });
  for (const th of ['a', 'b']) await connection.join(th);
  const acked: unknown[] = [];
  for (const n of range(1, 31)) {
    await run(hub.thread('a').send(n));
    const sent = await run(hub.thread('b').send(n));
    link.say({ t: 'ack', th: 'a', o: n });
    link.say({
      t: 'acks',
      l: [
        ['a', n],
        ['b', n],
      ],
    });
    await clock.settle();
    acked.push(await sent.settled({ until: 'acked' }));
  }
  expect(acked).toEqual(acked.map(() => expect.objectContaining({ acked: 1 })));
  expect(connection.state).toBe('open');
  for (const n of range(0, 11)) link.say({ t: 'ack', th: 'a', o: n });
  await clock.settle();
  expect(connection.state).toBe('evicted');
});
