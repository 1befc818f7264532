import * as fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { memoryLog, type Connection, type HubOptions } from '../../src/index.ts';
import { SharedBody } from '../../src/infra/log/shared-body.ts';
import { Parts } from '../../src/infra/wire/part-frames.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf, isRecord, makeHarness, type Harness } from '../support/harness.ts';
import { trials } from '../support/tier.ts';

let harness: Harness | undefined;

afterEach(async () => {
  await harness?.close();
  expect(harness?.errors ?? []).toEqual([]);
  expect(harness?.clock.pending ?? 0).toBe(0);
  harness = undefined;
});

/** Half a megabyte, of characters of one to four bytes and of all that is escaped. */
const BIG = { text: '"ä\\\n€😀 plain text'.repeat(22_000) };
const BYTES = Buffer.byteLength(JSON.stringify(BIG));

interface Room extends Harness {
  link: FakeLink;
  connection: Connection;
  say: (frame: object) => Promise<void>;
}

async function room(options: HubOptions = {}): Promise<Room> {
  harness = makeHarness(options);
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, { authorize: () => true });
  const { clock } = harness;
  const say = async (frame: object): Promise<void> => {
    link.say(frame);
    await clock.settle();
  };
  await say({ t: 'join', th: 't', parts: true });
  return { ...harness, link, connection, say };
}

const partsOf = (link: FakeLink): Record<string, unknown>[] => framesOf(link, 'part');

const joinedTexts = (parts: readonly Record<string, unknown>[]): unknown =>
  JSON.parse(parts.map(({ d }) => d).join(''));

/** What came, in its order: parts by their number, messages by their data. */
const order = (link: FakeLink): unknown[] =>
  link.messages
    .filter(isRecord)
    .filter(({ t }) => t === 'part' || t === 'msg')
    .map(({ n, d }) => n ?? d);

it('whatever the text and its chunks, parts are valid frames that make it again, cut in the same places', () => {
  const text = fc.array(fc.constantFrom('"', '\\', 'a', 'é', '€', '😀', '\u2028', '\u0001', ' '), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 150_000 }), fc.nat(70_000), (letters, length, cut) => {
      const json = Buffer.from(JSON.stringify(letters.join('').repeat(Math.ceil(length / letters.length))));
      const parts = (...chunks: Buffer[]): string[] => {
        let isFreed = false;
        const body = new SharedBody(chunks, () => {
          isFreed = true;
        });
        const made = new Parts({ threadId: 't', offset: 7, id: 'm', body, traceparent: undefined, at: 1 });
        made.enter();
        body.release();
        const frames = Array.from({ length: made.count }, (_, n) => Buffer.from(made.frame(n)));
        expect(isFreed).toBe(false);
        made.leave();
        expect(isFreed).toBe(true);
        return frames.map((frame) => payloadOf(frame));
      };
      const whole = parts(json);
      expect(parts(json.subarray(0, cut), json.subarray(cut))).toEqual(whole);
      const frames = whole.map((frame): Record<string, unknown> => JSON.parse(frame));
      expect(frames.map(({ d }) => d).join('')).toBe(json.toString());
      expect(frames.map(({ n, last = false }) => [n, last])).toEqual(
        frames.map((_, n) => [n, n === frames.length - 1]),
      );
    }),
    trials(60),
  );
});

/** The text of an unmasked frame, which has to be UTF-8. */
function payloadOf(frame: Buffer): string {
  const short = frame.readUInt8(1);
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  return new TextDecoder('utf-8', { fatal: true }).decode(frame.subarray(start));
}

it('a big message comes in parts to whoever asked for it, once, and whole to the others', async () => {
  const { hub, clock, run, link, connection } = await room();
  const other = new FakeLink();
  await hub.accept(other.attach).join('t');
  const receipt = await run(hub.thread('t').send(BIG, { idempotencyKey: 'big' }));
  const parts = partsOf(link);
  expect(parts.map(({ n }) => n)).toEqual([...parts.keys()]);
  expect(parts).toHaveLength(Math.ceil(BYTES / 65_536));
  expect(parts[0]).toMatchObject({ th: 't', o: 1, id: 'big', n: 0, of: parts.length });
  expect(parts.filter(({ last }) => last === true)).toEqual([parts.at(-1)]);
  expect(joinedTexts(parts)).toEqual(BIG);
  expect(framesOf(other, 'msg')[0]?.['d']).toEqual(BIG);
  expect(receipt.recipients).toBe(2);
  const settled = receipt.settled();
  await clock.advance(1_000);
  expect(await settled).toMatchObject({ written: 2 });
  expect(connection.stats.messages).toBe(1);
  await run(hub.thread('t').send('small'));
  expect(framesOf(link, 'msg')).toMatchObject([{ o: 2, d: 'small' }]);
});

it('an urgent one that has begun goes on, and does not begin again, while the end of a stream is owed', async () => {
  const { hub, clock, run, link } = await room();
  const stream = hub.thread('t').stream();
  stream.append('word ');
  await clock.advance(100);
  link.stall();
  await run(hub.thread('t').send(BIG, { lane: 'critical' }));
  stream.append('word ');
  const ended = stream.end();
  for (let i = 0; i < 40; i++) {
    link.take(40_000);
    link.sayPong();
    await clock.advance(20);
  }
  link.resume();
  await clock.advance(1_000);
  await ended;
  const parts = partsOf(link);
  expect(parts.map(({ n }) => n)).toEqual([...parts.keys()]);
  expect(joinedTexts(parts)).toEqual(BIG);
});

it('what is urgent, what is not logged and what is in other threads comes between the parts; what comes after stays after', async () => {
  const { hub, clock, run, link, say } = await room();
  await say({ t: 'join', th: 'other', parts: true });
  link.stall();
  await run(hub.thread('t').send(BIG));
  const begun = link.unsentBytes;
  // of a line whose rate is not known yet no more is asked than that
  expect(begun).toBeGreaterThan(0);
  expect(begun).toBeLessThan((256 + 2 * 64) * 1024);
  await run(hub.thread('t').send('after'));
  await run(hub.thread('t').send('urgent', { lane: 'critical' }));
  await run(hub.thread('t').send('volatile', { lane: 'volatile' }));
  await run(hub.thread('other').send('other'));
  link.resume();
  await clock.settle();
  const came = order(link);
  const last = came.lastIndexOf(Math.ceil(BYTES / 65_536) - 1);
  for (const message of ['urgent', 'volatile', 'other']) expect(came.indexOf(message)).toBeLessThan(last);
  expect(came.indexOf('after')).toBe(came.length - 1);
  expect(framesOf(link, 'msg').find(({ d }) => d === 'urgent')).toMatchObject({ ahead: true });
  expect(joinedTexts(partsOf(link))).toEqual(BIG);
});

it('whatever else is on its way without an answer, a big message is not held up by it', async () => {
  const { hub, clock, run, link } = await room();
  for (let i = 0; i < 10; i++) await run(hub.thread('t').send('x'.repeat(60_000)));
  await run(hub.thread('t').send(BIG));
  await clock.settle();
  expect(joinedTexts(partsOf(link))).toEqual(BIG);
});

it('one big message at a time for a connection; the threads take turns', async () => {
  const { hub, clock, link, say } = await room();
  for (const th of ['u', 'v']) await say({ t: 'join', th, parts: true });
  const sent = ['t', 'u', 'v', 't'].map((th) => hub.thread(th).send({ th, ...BIG }));
  await clock.settle();
  await Promise.all(sent);
  const runs = partsOf(link).map(({ th, o }) => `${String(th)}${String(o)}`);
  expect(runs.filter((id, i) => id !== runs[i - 1])).toHaveLength(4);
  expect(new Set(runs).size).toBe(4);
});

it('a client that comes back goes on with the part that it misses; with other parts than ours, from the first', async () => {
  const { hub, run, link, say } = await room();
  await run(hub.thread('t').send(BIG, { idempotencyKey: 'big' }));
  const epoch = (await hub.thread('t').position()).split('.')[0];
  const of = Math.ceil(BYTES / 65_536);
  const resumed = async (have: object): Promise<unknown> => {
    const before = partsOf(link).length;
    await say({ t: 'join', th: 't', from: `${epoch}.0.`, parts: true, have });
    return partsOf(link)[before]?.['n'];
  };
  expect(await resumed({ o: 1, id: 'big', n: 3, of })).toBe(3);
  expect(await resumed({ o: 1, id: 'big', n: of - 1, of })).toBe(of - 1);
  expect(await resumed({ o: 1, id: 'big', n: 0, of })).toBe(0);
  for (const have of [
    { o: 1, id: 'other', n: 3, of },
    { o: 2, id: 'big', n: 3, of },
    { o: 1, id: 'big', n: 3, of: of + 1 },
    { o: 1, id: 'big', n: of, of },
    { o: 1, id: 'big', n: -1, of },
    { o: 1, id: 'big', n: 1.5, of },
    { n: 'x' },
  ]) {
    expect(await resumed(have)).toBe(0);
  }
});

it('what the log has trimmed meanwhile is finished; what is not worth it any more is not', async () => {
  const { hub, clock, run, link } = await room({ log: memoryLog({ maxEntries: 1 }) });
  link.stall();
  await run(hub.thread('t').send(BIG));
  await run(hub.thread('t').send('next'));
  link.resume();
  await clock.settle();
  expect(joinedTexts(partsOf(link))).toEqual(BIG);
  expect(order(link).at(-1)).toBe('next');

  const before = partsOf(link).length;
  link.stall();
  await run(hub.thread('t').send(BIG, { conflate: 'k' }));
  await run(hub.thread('t').send('newest', { conflate: 'k' }));
  link.resume();
  await clock.settle();
  const begun = partsOf(link).slice(before);
  expect(begun.length).toBeGreaterThan(0);
  expect(begun.some(({ last }) => last === true)).toBe(false);
  expect(order(link).at(-1)).toBe('newest');
});

it.each(['hangs up', 'leaves', 'is evicted'])('whoever %s in the middle holds no memory', async (how) => {
  const { hub, clock, run, link, connection, say } = await room({ log: memoryLog({ maxEntries: 1 }) });
  link.stall();
  await run(hub.thread('t').send(BIG));
  await run(hub.thread('t').send('next'));
  expect(hub.stats().segmentsInUse).toBeGreaterThan(1);
  if (how === 'hangs up') link.hangUp();
  else if (how === 'leaves') await say({ t: 'leave', th: 't' });
  else connection.close(4408, 'slow consumer');
  await clock.settle();
  expect(hub.stats().segmentsInUse).toBe(0);
});

it('a stalled connection takes up where it stopped, and is no reason to hold the others up', async () => {
  const { hub, clock, run, link, connection } = await room({ sendTimeoutMs: 1_000 });
  const healthy = new FakeLink();
  hub.accept(healthy.attach, { authorize: () => true });
  healthy.say({ t: 'join', th: 't', parts: true });
  await clock.settle();
  link.stall();
  await run(hub.thread('t').send(BIG));
  expect(joinedTexts(partsOf(healthy))).toEqual(BIG);
  await clock.advance(2_000);
  expect(connection.state).toBe('retrying');
  link.resume();
  await clock.advance(2_000);
  expect(connection.state).toBe('open');
  expect(joinedTexts(partsOf(link))).toEqual(BIG);
  expect(partsOf(link)).toHaveLength(Math.ceil(BYTES / 65_536));
});

it('a heartbeat is what a page hears when nothing else is said', async () => {
  const { hub, clock, run, link } = await room({ heartbeatMs: 10_000, sendTimeoutMs: 5_000 });
  await clock.advance(35_000);
  expect(framesOf(link, 'hb').length).toBeGreaterThanOrEqual(2);
  const before = framesOf(link, 'hb').length;
  for (let i = 0; i < 10; i++) {
    await run(hub.thread('t').send(i));
    await clock.advance(3_000);
  }
  expect(framesOf(link, 'hb')).toHaveLength(before);
});
