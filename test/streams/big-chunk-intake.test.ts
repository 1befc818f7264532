import { afterEach, expect, test } from 'vitest';
import type { ChunkStream, Codec, HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { TickingClock } from '../support/ticking-clock.ts';

const numbered: Codec<{ readonly n: number; readonly of?: unknown }, { readonly all: readonly number[] }> = {
  name: 'numbered',
  fold: () => undefined,
  sizeOf: () => 10,
  end: (all) => ({ all: all.map(({ n }) => n) }),
};

const KIB = 1024;
const big = (n: number, kib = KIB): { readonly n: number; readonly of: object[] } => ({
  n,
  of: Array.from({ length: kib * 32 }, (_, i) => ({ id: i, is: 'abc', of: [1, null] })),
});

let node: Harness | undefined;
afterEach(async () => {
  expect(node?.errors.splice(0)).toEqual([]);
  await node?.close();
});

function begin(options: HubOptions = {}): {
  readonly node: Harness;
  readonly stream: ChunkStream;
  readonly link: FakeLink;
} {
  const made = makeHarness({ clock: new TickingClock(0.25), maxMessageBytes: 64 * KIB * KIB, ...options });
  node = made;
  const link = new FakeLink();
  made.hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: 't', codecs: ['numbered'] });
  return { node: made, stream: made.hub.thread('t').stream({ id: 's', codec: numbered }), link };
}

test('a hub that drains waits for a big chunk, and keeps the stream so far as its message', async () => {
  const { node: here, stream, link } = begin();
  await here.clock.settle();
  const written = [stream.write(big(1)), stream.write({ n: 2 }), stream.write(big(3)), stream.write({ n: 4 })];
  const drained = here.hub.drain({ timeoutMs: 10_000 });
  await here.clock.advance(1_000);
  for (const each of written) await each;
  await here.clock.advance(10_000);
  await drained;
  expect(dataOf(link)).toEqual([{ all: [1, 2, 3, 4], aborted: 'drain' }]);
});

test('a chunk waits while the serializer has no place', async () => {
  const { node: here, stream, link } = begin({ serializer: { maxQueue: 1 } });
  await here.clock.settle();
  const sent = here.hub.thread('u').send(big(0));
  const written = stream.write(big(1));
  void stream.write({ n: 2 });
  await here.clock.advance(2_000);
  await written;
  await here.run(stream.end());
  await here.run(sent);
  expect(dataOf(link)).toEqual([{ all: [1, 2] }]);
});

test('a refusal is an event only if nothing waits for the promise', async () => {
  const { node: here, stream } = begin();
  const bad = (n: number): object => ({ n, of: [big(n), 1n] });
  const awaited = (async () => {
    await stream.write(bad(1));
  })().catch((error: unknown) => error);
  const caught = Promise.resolve(stream.write(bad(2))).catch((error: unknown) => error);
  void stream.write(bad(3));
  await here.clock.advance(2_000);
  for (const error of [await awaited, await caught]) expect(error).toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
  expect(here.errors.splice(0)).toMatchObject([{ code: 'TC_UNSERIALIZABLE_MESSAGE' }]);
  await here.run(stream.end());
});

test('small chunks that were written meanwhile count: a big one has no place left', async () => {
  const { node: here, stream, link } = begin({ streams: { maxBytes: 1_300 * KIB } });
  await here.clock.settle();
  const refused = Promise.resolve(stream.write(big(1))).catch((error: unknown) => error);
  for (let n = 0; n < 40 * KIB; n++) void stream.write({ n: 2 });
  await here.clock.advance(2_000);
  expect(await refused).toMatchObject({ code: 'TC_STREAM_TOO_LONG' });
  await here.run(stream.end());
  expect(dataOf(link)).toEqual([{ all: Array.from({ length: 40 * KIB }, () => 2) }]);
});

test('viewers have a big chunk before the next one is made', async () => {
  const { node: here, stream, link } = begin({ streams: { maxBytes: 64 * KIB * KIB } });
  await here.clock.settle();
  let isMade = false;
  const written = [
    stream.write(big(1)),
    stream.write({
      ...big(2, 4 * KIB),
      last: {
        toJSON: () => {
          isMade = true;
          expect(framesOf(link, 'chunks').at(-1)).toMatchObject({ to: 1 });
        },
      },
    }),
  ];
  await here.clock.advance(5_000);
  for (const each of written) await each;
  expect(isMade).toBe(true);
  await here.run(stream.end());
});
