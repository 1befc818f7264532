import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  InvalidOptionError,
  StreamTooLongError,
  UnserializableMessageError,
  memoryLog,
  type ChunkStream,
  type HubOptions,
} from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, isRecord, makeHarness, type Harness } from '../support/harness.ts';
import { meaning, notes, type Note } from '../support/note-codec.ts';
import { SharedLog } from '../support/shared-log.ts';
import { trials } from '../support/tier.ts';

let harness: Harness;

beforeEach(() => {
  harness = makeHarness();
});
afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

async function join(frame: object = {}, { hub, clock }: Harness = harness, link = new FakeLink()): Promise<FakeLink> {
  hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: 't', codecs: ['notes'], ...frame });
  await clock.settle();
  return link;
}

const begin = (node: Harness = harness, id = 's'): ChunkStream<Note> =>
  node.hub.thread('t').stream({ id, codec: notes });

/** What a client holds of the stream, put together as docs/PROTOCOL.md says, and its position. */
function held(link: FakeLink, from: { chunks: readonly Note[]; at: number } = { chunks: [], at: 0 }) {
  let { chunks, at } = from;
  for (const { at: start, to, d } of framesOf(link, 'chunks')) {
    if (start === 0 && at !== 0) [chunks, at] = [[], 0];
    expect(start).toBe(at);
    if (!Array.isArray(d) || typeof to !== 'number') throw new TypeError('no chunks');
    chunks = [...chunks, ...d];
    at = to;
  }
  return { chunks, at };
}

const part = (text: string, name = 'a'): Note => ({ part: name, text });

describe('a stream of chunks', () => {
  test('a late client gets neighbours as one, and the end is what the codec makes of them', async () => {
    const early = await join();
    const stream = begin();
    for (let i = 0; i < 10; i++) {
      void stream.write(part(`${i} `));
      await harness.clock.advance(50);
    }
    void stream.write({ mark: 1 });
    void stream.write(part('end'));
    await harness.clock.advance(50);
    expect(stream.length).toBe(12);
    const late = await join();
    expect(meaning(held(late).chunks)).toEqual([part('0 1 2 3 4 5 6 7 8 9 '), { mark: 1 }, part('end')]);
    expect(held(late).at).toBe(12);
    expect(framesOf(early, 'chunks').length).toBeGreaterThan(10);
    expect(meaning(held(early).chunks)).toEqual(meaning(held(late).chunks));
    expect(harness.hub.thread('t').streams()).toEqual([{ id: 's', length: 12, codec: 'notes' }]);
    await harness.run(stream.end());
    expect(dataOf(late)).toEqual([{ notes: [part('0 1 2 3 4 5 6 7 8 9 '), { mark: 1 }, part('end')] }]);
  });

  test('what was written right before the end comes before the message, also transient chunks', async () => {
    const [link, behind] = [await join(), await join()];
    const stream = begin();
    void stream.write(part('one '));
    await harness.clock.advance(50);
    behind.stall();
    void stream.write(part('two '));
    void stream.write({ signal: 1 });
    await harness.run(stream.end());
    const said = link.messages.filter(isRecord).filter(({ t }) => t === 'chunks' || t === 'msg');
    expect(said.map(({ t }) => t)).toEqual(['chunks', 'chunks', 'msg']);
    expect(held(link).chunks).toEqual([part('one '), part('two '), { signal: 1 }]);
    behind.resume();
    await harness.clock.settle();
    expect(meaning(held(behind).chunks)).toEqual([part('one two ')]);
    expect(dataOf(behind)).toEqual(dataOf(link));
  });

  test('a client that named no such codec gets the message alone', async () => {
    const [plain, other] = [await join({ codecs: undefined }), await join({ codecs: ['other', 7] })];
    const stream = begin();
    void stream.write(part('text'));
    await harness.clock.advance(50);
    const late = await join({ codecs: undefined });
    await harness.run(stream.end());
    for (const link of [plain, other, late]) {
      expect(framesOf(link, 'chunks')).toEqual([]);
      expect(framesOf(link, 'tok')).toEqual([]);
      expect(dataOf(link)).toEqual([{ notes: [part('text')] }]);
    }
    expect(framesOf(late, 'joined')[0]?.['streams']).toBeUndefined();
  });

  test('signals reach those who keep up, and are not replayed', async () => {
    const early = await join();
    const stream = begin();
    void stream.write(part('a'));
    await harness.clock.advance(50);
    void stream.write({ signal: 1 });
    await harness.clock.advance(50);
    expect(held(early).chunks).toContainEqual({ signal: 1 });
    const late = await join();
    void stream.write(part('b'));
    await harness.clock.advance(50);
    expect(held(late).chunks).not.toContainEqual({ signal: 1 });
    expect(held(late).at).toBe(3);
    expect((await join({ s: { s: 2 } }).then((link) => framesOf(link, 'chunks')))[0]).toMatchObject({ at: 2, to: 3 });
    await harness.run(stream.abort('why'));
    expect(dataOf(early)).toEqual([{ notes: [part('ab')], aborted: 'why' }]);
  });

  test('thousands of windows cost content, and a position within a fold begins anew', async () => {
    const stream = begin();
    for (let i = 0; i < 1_000; i++) {
      void stream.write(part('x'));
      await harness.clock.advance(50);
    }
    const late = await join();
    expect(held(late).chunks.length).toBeLessThan(300);
    expect(meaning(held(late).chunks)).toEqual([part('x'.repeat(1_000))]);
    const within = await join({ s: { s: 7 } });
    expect(framesOf(within, 'chunks')[0]).toMatchObject({ at: 0 });
    expect(meaning(held(within, { chunks: [], at: 7 }).chunks)).toEqual([part('x'.repeat(1_000))]);
    const behind = await join({ s: { s: 995 } });
    expect(held(behind, { chunks: [], at: 995 })).toMatchObject({ at: 1_000, chunks: Array(5).fill(part('x')) });
    await harness.run(stream.end());
  });

  test('limits count bytes and chunks, and what has no JSON is refused', async () => {
    await harness.close();
    harness = makeHarness({ streams: { maxBytes: 100, maxChunks: 5 } });
    const stream = begin();
    void stream.write(part('x'.repeat(99)));
    expect(() => stream.write(part('xx'))).toThrow(StreamTooLongError);
    for (let i = 0; i < 4; i++) void stream.write(part(''));
    expect(() => stream.write(part(''))).toThrow('6 chunks');
    const loose = harness.hub.thread('t').stream<unknown>({
      id: 'l',
      codec: { ...notes, sizeOf: () => 1, fold: () => undefined, end: () => 1, isTransient: () => false },
    });
    expect(() => loose.write(undefined)).toThrow(UnserializableMessageError);
    expect(() => loose.write(1n)).toThrow(UnserializableMessageError);
    expect(loose.length).toBe(0);
    await harness.run(Promise.all([stream.end(), loose.end()]));
  });

  test('a codec is checked', () => {
    expect(() => harness.hub.thread('t').stream({ codec: { ...notes, name: 'a b' } })).toThrow(InvalidOptionError);
    expect(() => makeHarness({ streams: { codecs: [{ ...notes, name: '' }] } })).toThrow(InvalidOptionError);
  });

  test('pipe writes every chunk, and stops its source when a client cancels', async () => {
    const link = await join();
    let isStopped = false;
    async function* source(): AsyncGenerator<Note> {
      try {
        yield part('one');
        await new Promise(() => {});
      } finally {
        isStopped = true;
      }
    }
    const stream = begin();
    const piped = stream.pipe(source());
    await harness.clock.advance(50);
    expect(held(link).chunks).toEqual([part('one')]);
    link.say({ t: 'cancel', th: 't', s: 's' });
    await harness.run(piped);
    expect(dataOf(link)).toEqual([{ notes: [part('one')], aborted: 'cancelled' }]);
    expect(isStopped).toBe(false);
  });
});

const someNote = fc.oneof(
  { weight: 6, arbitrary: fc.record({ part: fc.constantFrom('a', 'b'), text: fc.string({ maxLength: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ mark: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ signal: fc.nat(9) }) },
);
const someCommand = fc.oneof(
  { weight: 8, arbitrary: fc.record({ write: fc.array(someNote, { maxLength: 40 }) }) },
  { weight: 4, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 90 }) }) },
  { weight: 2, arbitrary: fc.record({ node: fc.nat(1), resume: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ deaf: fc.boolean() }) },
);

test('every client has what was written, over two nodes, whenever it joins and resumes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someCommand, { minLength: 5, maxLength: 120 }), async (commands) => {
      const clock = new VirtualClock();
      const shared = new SharedLog(memoryLog({ clock }));
      let isDeaf = false;
      const options: HubOptions = { clock, streams: { codecs: [notes] } };
      const nodes = [0, 1].map(() => {
        const log = shared.node();
        const notify = (thread: string, note: string) => (isDeaf ? undefined : log.notify?.(thread, note));
        return makeHarness({ ...options, log: { ...log, notify } });
      });
      const [here, there] = nodes;
      if (here === undefined || there === undefined) throw new Error('no nodes');
      const written: Note[] = [];
      const clients: { link: FakeLink; has: { chunks: readonly Note[]; at: number }; node: Harness }[] = [];
      for (const node of nodes) clients.push({ link: await join({}, node), has: { chunks: [], at: 0 }, node });
      const stream = begin(here);
      for (const command of commands) {
        if ('write' in command) {
          for (const note of command.write) {
            void stream.write(note);
            written.push(note);
          }
        } else if ('wait' in command) await clock.advance(command.wait);
        else if ('deaf' in command) isDeaf = command.deaf;
        else {
          const node = nodes[command.node] ?? here;
          const old = command.resume ? clients.find((client) => client.node === node) : undefined;
          if (old === undefined) clients.push({ link: await join({}, node), has: { chunks: [], at: 0 }, node });
          else {
            old.has = held(old.link, old.has);
            old.link.terminate();
            old.link = await join({ s: { s: old.has.at } }, node);
          }
        }
      }
      isDeaf = false;
      void stream.write({ mark: -1 });
      written.push({ mark: -1 });
      await clock.advance(3_000);
      void stream.write({ mark: -2 });
      written.push({ mark: -2 });
      await clock.advance(3_000);
      for (const { link, has } of clients) {
        const { chunks, at } = held(link, has);
        expect(meaning(chunks)).toEqual(meaning(written));
        expect(at).toBe(written.length);
      }
      await here.run(stream.end());
      for (const { link } of clients) expect(dataOf(link)).toEqual([{ notes: meaning(written) }]);
      for (const node of nodes) {
        expect(node.errors).toEqual([]);
        await node.close();
      }
    }),
    trials(40),
  );
});
