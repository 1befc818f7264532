import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  memoryLog,
  StreamTooLongError,
  UnserializableMessageError,
  type ChunkStream,
  type Codec,
  type HubOptions,
} from '../../src/index.ts';
import { ChunkLog } from '../../src/chunks/chunk-log.ts';
import { fieldsOf } from '../../src/client/fields.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';
import { TickingClock } from '../support/ticking-clock.ts';
import { trials } from '../support/tier.ts';

/** A chunk of any form. Neighbouring texts fold; `late` may be passed. */
interface Any {
  readonly text?: string;
  readonly late?: unknown;
  readonly any?: unknown;
}
const anything: Codec<Any, { readonly all: readonly Any[] }> = {
  name: 'any',
  fold: (a, b) => (a.text !== undefined && b.text !== undefined ? { text: a.text + b.text } : undefined),
  sizeOf: ({ text = '' }) => text.length + 8,
  order: (chunk) => ('late' in chunk ? 'late' : undefined),
  end: (all) => ({ all }),
};

const MIB = 1024 * 1024;

let clock: TickingClock;
let shared: SharedLog;
let nodes: Harness[];
/** Notes that nodes were sent since the last turn, in UTF-16 units, and the most. */
let noted: { now: number; most: number; all: number };
let isDeaf: boolean;

function startAnew(): void {
  clock = new TickingClock(0.25);
  shared = new SharedLog(memoryLog({ clock }));
  nodes = [];
  noted = { now: 0, most: 0, all: 0 };
  isDeaf = false;
}

beforeEach(startAnew);
afterEach(async () => {
  for (const node of nodes.splice(0)) {
    expect(node.errors).toEqual([]);
    await node.close();
  }
});

function addNode(options: HubOptions = {}): Harness {
  const log = shared.node();
  const notify = (threadId: string, note: string): void => {
    if (noted.now === 0) clock.nextTurn(() => (noted.now = 0));
    noted.now += note.length;
    noted.all += note.length;
    noted.most = Math.max(noted.most, noted.now);
    if (!isDeaf) log.notify?.(threadId, note);
  };
  const streams = { codecs: [anything], maxBytes: 256 * MIB, timeoutMs: 10_000 };
  const node = makeHarness({ clock, log: { ...log, notify }, maxMessageBytes: 256 * MIB, streams, ...options });
  nodes.push(node);
  return node;
}

async function join({ hub }: Harness, frame: object = {}): Promise<FakeLink> {
  const link = new FakeLink();
  hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: 't', codecs: ['any'], ...frame });
  await clock.settle();
  return link;
}

const begin = ({ hub }: Harness): ChunkStream<Any> => hub.thread('t').stream({ id: 's', codec: anything });

/** What a client of ours has of the stream. */
function held(link: FakeLink): unknown[] {
  const log = new ChunkLog({ maxBytes: Infinity, report: (error) => expect(error).toBeUndefined() });
  for (const frame of framesOf(link, 'chunks').map(fieldsOf))
    expect(frame['n'] === undefined ? log.receive(frame, anything) : log.receivePiece(frame, anything)).toBe(true);
  return [...log.chunks];
}

/** Without a list of all differences. */
const expectSame = (is: unknown, expected: unknown): void => {
  const [a, b] = [JSON.stringify(is), JSON.stringify(expected)];
  expect([a === b, a.slice(0, 80), a.slice(-80)]).toEqual([true, b.slice(0, 80), b.slice(-80)]);
};

const objects = (bytes: number): object[] =>
  Array.from({ length: bytes / 32 }, (_, i) => ({ id: i, is: 'é"', of: [1, null] }));
const text = (bytes: number): string => Buffer.alloc(bytes, 'tëxt "').toString();

describe.each([
  ['one text', text],
  ['small objects', objects],
])('a big chunk: %s', (_, make) => {
  test('is serialized once, in slices, for all viewers and nodes; what follows waits for it', async () => {
    const [here, there] = [addNode(), addNode()];
    const links = [
      await join(here),
      await join(there),
      await join(here, { late: true }),
      await join(there, { late: true }),
    ];
    let encodings = 0;
    const big = { late: make(MIB), any: { toJSON: () => ++encodings } };
    const [stringify, parse] = [vi.spyOn(JSON, 'stringify'), vi.spyOn(JSON, 'parse')];
    onTestFinished(() => void vi.restoreAllMocks());
    const stream = begin(here);
    void stream.write({ text: 'a' });
    const written = stream.write(big);
    expect(written).toBeInstanceOf(Promise);
    // in the stream behind it
    expect(stream.write({ text: 'b' })).toBeUndefined();
    expect(stream.length).toBe(3);
    await clock.advance(1_000);
    await written;
    const resumed = await join(there, { late: true, s: { s: 1 } });
    await clock.advance(1_000);
    // no call for more than a part
    const lengths = [
      ...stringify.mock.results.map(({ value }) => String(value).length),
      ...parse.mock.calls.map(([json]) => json.length),
    ];
    expect(Math.max(...lengths)).toBeLessThan(512 * 1024);
    vi.restoreAllMocks();
    expect(encodings).toBe(1);
    expect(noted.all).toBeGreaterThan(MIB);
    // a look at the clock is a quarter of a millisecond: so much fits into a slice of 3
    expect(noted.most).toBeLessThan(512 * 1024);
    for (const { hub } of [here, there]) expect(hub.stats().longestSliceMs).toBeLessThanOrEqual(4);
    const was = { late: big.late, any: 1 };
    for (const link of links.slice(0, 2)) expectSame(held(link), [{ text: 'a' }, was, { text: 'b' }]);
    for (const link of links.slice(2)) expectSame(held(link), [{ text: 'ab' }, was]);
    expect(framesOf(resumed, 'chunks')[0]).toMatchObject({ at: 1 });
    await here.run(stream.end());
    expect(encodings).toBe(2);
    for (const link of [...links, resumed])
      expectSame(dataOf(link), [{ all: [{ text: 'a' }, { ...was, any: 2 }, { text: 'b' }] }]);
  });

  test('other nodes ask for what was lost, and have it when the publisher dies', async () => {
    const [here, there] = [addNode(), addNode()];
    const link = await join(there);
    const stream = begin(here);
    const big = { any: make(3 * MIB) };
    void stream.write({ text: 'a' });
    await clock.advance(50);
    isDeaf = true;
    const written = stream.write(big);
    expect(written).toBeInstanceOf(Promise);
    await clock.advance(1);
    await written;
    isDeaf = false;
    await clock.advance(2_000);
    void stream.write({ text: 'b' });
    await clock.advance(2_000);
    expectSame(held(link), [{ text: 'a' }, big, { text: 'b' }]);
    nodes.shift();
    isDeaf = true;
    await here.close();
    isDeaf = false;
    await clock.advance(60_000);
    expectSame(dataOf(link), [{ all: [{ text: 'a' }, big, { text: 'b' }], aborted: 'lost' }]);
  });
});

test('what cannot be written is refused with a code, and the chunks around it are there', async () => {
  const here = addNode({ streams: { codecs: [anything], maxBytes: 2 * MIB } });
  const link = await join(here);
  const stream = begin(here);
  const cycle: { any: unknown } = { any: objects(MIB) };
  cycle.any = [cycle.any, cycle];
  const bad: readonly (readonly [unknown, typeof UnserializableMessageError | typeof StreamTooLongError])[] = [
    [cycle, UnserializableMessageError],
    [{ any: [objects(MIB), 1n] }, UnserializableMessageError],
    [
      {
        any: [
          objects(MIB),
          {
            toJSON: () => {
              throw new Error('no');
            },
          },
        ],
      },
      UnserializableMessageError,
    ],
    [{ any: objects(3 * MIB) }, StreamTooLongError],
  ];
  const refused: unknown[] = [];
  void stream.write({ text: '0' });
  for (const [index, [chunk]] of bad.entries()) {
    const written = Promise.resolve(stream.write(fieldsOf(chunk)));
    written.catch((error: unknown) => refused.push(error));
    void stream.write({ text: `${index + 1}` });
  }
  await clock.advance(1_000);
  expect(refused.map((error) => Object(error).constructor)).toEqual(bad.map(([, kind]) => kind));
  expect(here.errors).toEqual([]);
  expect(held(link)).toEqual([{ text: '01234' }]);
  for (const small of [
    { any: 1n },
    {
      any: {
        toJSON: () => {
          throw new Error('no');
        },
      },
    },
  ])
    expect(() => stream.write(small)).toThrow(UnserializableMessageError);
  await here.run(stream.end());
});

test('a stream that ends waits for it; one that is erased refuses it', async () => {
  const here = addNode();
  const [ended, erased] = [begin(here), here.hub.thread('u').stream({ id: 's', codec: anything })];
  const link = await join(here);
  const big = { any: objects(MIB) };
  const written = ended.write(big);
  void ended.write({ text: 'a' });
  const receipt = ended.end();
  expect(() => ended.write({ text: 'late' })).toThrow('has ended');
  const refused = Promise.resolve(erased.write(big)).catch((error: unknown) => error);
  await here.run(here.hub.thread('u').delete());
  await here.run(receipt);
  await written;
  expect(dataOf(link)).toEqual([{ all: [big, { text: 'a' }] }]);
  expect(await here.run(refused)).toMatchObject({ code: 'TC_STREAM_ENDED' });
  expect(() => erased.write(big)).toThrow('has ended');
});

test('small chunks that wait are counted, so that they are never refused afterwards', async () => {
  const here = addNode({ streams: { codecs: [anything], maxBytes: MIB, maxChunks: 4 } });
  const stream = begin(here);
  const written = Promise.resolve(stream.write({ any: 'x'.repeat(MIB - 200), late: objects(64) })).catch(
    (error: unknown) => error,
  );
  await clock.advance(100);
  await written;
  expect(() => stream.write({ text: 'x'.repeat(MIB / 4) })).toThrow(StreamTooLongError);
  void stream.write({ text: 'x' });
  void stream.write({ text: 'x' });
  void stream.write({ text: 'x' });
  expect(() => stream.write({ text: 'x' })).toThrow('5 chunks');
  await here.run(stream.end());
});

const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ text: fc.string({ maxLength: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ big: fc.integer({ min: 1, max: 9 }), late: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 90 }) }) },
  { weight: 1, arbitrary: fc.record({ join: fc.nat(1), late: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ isDeaf: fc.boolean() }) },
);

test('every viewer on every node has what was written, in order, however big it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 3, maxLength: 25 }), async (commands) => {
      startAnew();
      const [here, there] = [addNode(), addNode()];
      const links = [await join(here), await join(there)];
      const late: FakeLink[] = [];
      const stream = begin(here);
      const written: Any[] = [];
      const waits: unknown[] = [];
      for (const each of commands) {
        if ('text' in each) written.push({ text: each.text });
        else if ('big' in each) {
          const list = Array.from({ length: each.big }, (_, i) => `${i}`.repeat(40_000));
          written.push(each.late ? { late: list } : { any: list });
        } else if ('wait' in each) await clock.advance(each.wait);
        else if ('join' in each)
          (each.late ? late : links).push(await join(nodes[each.join] ?? here, each.late ? { late: true } : {}));
        else ({ isDeaf } = each);
        if ('text' in each || 'big' in each) waits.push(stream.write(written.at(-1) ?? {}));
      }
      isDeaf = false;
      for (let i = 0; i < 3; i++) {
        await clock.advance(1_500);
        written.push({ any: i });
        void stream.write({ any: i });
      }
      await clock.advance(1_500);
      await Promise.all(waits);
      const meaning = (all: readonly unknown[]): string =>
        JSON.stringify(all).replaceAll('"},{"text":"', '').replaceAll('{"text":""},', '');
      for (const link of links) expect(meaning(held(link))).toBe(meaning(written));
      const sorted = (all: readonly unknown[]): string[] =>
        all
          .filter((chunk) => !('text' in fieldsOf(chunk)))
          .map((chunk) => JSON.stringify(chunk))
          .toSorted();
      for (const link of late) expect(sorted(held(link))).toEqual(sorted(written));
      await here.run(stream.end());
      for (const link of links)
        expect(meaning(dataOf(link).flatMap((data) => fieldsOf(data)['all']))).toBe(meaning(written));
      for (const node of nodes.splice(0)) {
        expect(node.errors).toEqual([]);
        await node.close();
      }
    }),
    trials(30),
  );
});
