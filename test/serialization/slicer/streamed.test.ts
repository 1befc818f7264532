import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeSliced,
  encodeSync,
  isProvablySmall,
  SegmentPool,
} from '../../../src/infra/serialization/slicer/slicer.ts';
import { streamArray, streamObject, type StreamedMember } from '../../../src/infra/serialization/slicer/streamed.ts';
import { anyValue, text } from './adversarial.ts';
import { bytesOf, cuts, encodeOptions, nativeBytes, rejectionOf, resultOf, type Cut } from './encode.ts';
import { ManualLoop } from './manual-loop.ts';
import { trials } from '../../support/tier.ts';

async function* later<Value>(items: Iterable<Value>): AsyncGenerator<Value> {
  for (const item of items) yield await Promise.resolve(item);
}

function* inOrder<Value>(items: Iterable<Value>): Generator<Value> {
  yield* items;
}

async function encodeStreamed(value: unknown, cut: Cut): Promise<string | undefined> {
  const loop = new ManualLoop(1000);
  const options = encodeOptions(cut, loop);
  try {
    const settled = resultOf(encodeSliced(value, options));
    await Promise.allSettled([settled, loop.drainAsync(options.queue)]);
    const result = await settled;
    const bytes = bytesOf(result)?.toString();
    result.body?.release();
    return bytes;
  } finally {
    expect(options.pool.inUse).toBe(0);
    expect(options.queue.pending).toBe(0);
  }
}

const entries = fc.uniqueArray(fc.tuple(text, anyValue), { maxLength: 6, selector: ([key]) => key });

describe.each(cuts)('with $name', (cut) => {
  it('a streamed array is the array', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyValue, { maxLength: 6 }), fc.boolean(), async (items, isAsync) => {
        const expected = nativeBytes({ rows: items, after: items })?.toString();
        const rows = streamArray(isAsync ? later(items) : inOrder(items));
        expect(await encodeStreamed({ rows, after: items }, cut)).toBe(expected);
      }),
      trials(150),
    );
  });

  it('a streamed object is the object', async () => {
    await fc.assert(
      fc.asyncProperty(entries, fc.boolean(), async (members, isAsync) => {
        const parts = members
          .map(([key, value]) => JSON.stringify({ [key]: value }).slice(1, -1))
          .filter((member) => member !== '');
        const object = streamObject(isAsync ? later(members) : new Map(members));
        expect(await encodeStreamed([object], cut)).toBe(`[{${parts.join(',')}}]`);
      }),
      trials(150),
    );
  });

  it('streams may stand in streams', async () => {
    const value = {
      list: streamArray([1, streamArray(later([2, streamObject(later([['a', streamArray([3])] as const]))])), 4]),
      map: streamObject(
        new Map<string | number, unknown>([
          [7, streamArray(later([]))],
          ['x', undefined],
          ['y', streamObject([])],
        ]),
      ),
    };
    expect(await encodeStreamed(value, cut)).toBe('{"list":[1,[2,{"a":[3]}],4],"map":{"7":[],"y":{}}}');
  });

  it('toJSON of an item is called with its index or key', async () => {
    const item = { toJSON: (key: string) => `${typeof key} ${key}` };
    expect(await encodeStreamed([streamArray([0, item]), streamObject([['k', item]])], cut)).toBe(
      '[[0,"string 1"],{"k":"string k"}]',
    );
  });
});

const defaults: Cut = { name: 'default limits', limits: {}, segmentBytes: 256 * 1024 };

it('a marker is never small, and says what it is for', () => {
  expect(isProvablySmall({ a: [streamArray([])] })).toBe(false);
  expect(isProvablySmall(streamObject([]))).toBe(false);
  expect(() => JSON.stringify({ a: streamArray([]) })).toThrow(/written by threadcast only/);
});

it('the budget is not held while a source is waited for', async () => {
  const loop = new ManualLoop(0);
  const options = encodeOptions(defaults, loop);
  const { promise: gate, resolve: open } = Promise.withResolvers<unknown>();
  async function* source(): AsyncGenerator {
    yield await gate;
  }
  const waiting = resultOf(encodeSliced([streamArray(source())], options));
  expect(options.queue.pending).toBe(1);
  loop.drain();
  const other = encodeSliced({ small: true }, options);
  expect(other.done).toBe(true);
  open('now');
  await loop.drainAsync(options.queue);
  expect(bytesOf(await waiting)?.toString()).toBe('[["now"]]');
});

it('items that arrive within a turn are written in that turn, until its budget is used', async () => {
  const loop = new ManualLoop(0);
  const options = encodeOptions(defaults, loop);
  const items = Array.from({ length: 1000 }, (_, id) => ({ id }));
  const settled = resultOf(encodeSliced(streamArray(later(items)), options));
  await loop.drainAsync(options.queue);
  expect(bytesOf(await settled)?.toString()).toBe(JSON.stringify(items));
  expect(loop.turns).toBeLessThan(20);
});

describe('the source is closed', () => {
  /** Sources that count how often they are closed. */
  function sources() {
    const closed = { sync: 0, async: 0 };
    function* sync(): Generator {
      try {
        for (;;) yield 'x'.repeat(100);
      } finally {
        closed.sync++;
      }
    }
    async function* async(): AsyncGenerator {
      try {
        yield 1;
        yield streamArray(sync());
      } finally {
        closed.async++;
      }
    }
    return { closed, sync, async };
  }

  it('when the message is too large', async () => {
    const { closed, async } = sources();
    const loop = new ManualLoop(1000);
    const options = { ...encodeOptions(defaults, loop), maxBytes: 100_000 };
    const settled = resultOf(encodeSliced(streamArray(async()), options));
    const rejected = rejectionOf(settled);
    await loop.drainAsync(options.queue);
    expect(await rejected).toMatchObject({ message: expect.stringMatching(/over the limit/) });
    expect(closed).toStrictEqual({ sync: 1, async: 1 });
    expect(options.pool.inUse).toBe(0);
  });

  it('when the job is cancelled', async () => {
    const { closed, sync } = sources();
    const loop = new ManualLoop(1000);
    const handle = encodeSliced(streamArray(sync()), encodeOptions(defaults, loop));
    if (handle.done) throw new Error('the source is endless');
    loop.turn();
    handle.cancel(new Error('enough'));
    expect(closed.sync).toBe(1);
    await expect(handle.promise).rejects.toThrow('enough');
  });

  it('not when it has ended by itself or has thrown', async () => {
    let closed = 0;
    const iterator = { next: () => fail(), return: () => ({ done: true as const, value: ++closed }) };
    const value = { rows: [1, streamArray({ [Symbol.iterator]: () => iterator })] };
    await expect(encodeStreamed(value, defaults)).rejects.toMatchObject({
      path: '$.rows[1][0]',
      cause: { message: 'source' },
    });
    expect(closed).toBe(0);
  });
});

function fail(): never {
  throw new Error('source');
}

describe('errors', () => {
  it('a source that rejects is the cause, with the place', async () => {
    async function* source(): AsyncGenerator {
      yield await Promise.resolve(1);
      fail();
    }
    await expect(encodeStreamed({ a: streamArray(source()) }, defaults)).rejects.toMatchObject({
      code: 'TC_UNSERIALIZABLE_MESSAGE',
      path: '$.a[1]',
      cause: { message: 'source' },
    });
  });

  it('an entry has to be a pair with a string or a number as its key', async () => {
    const bad: [unknown, string][] = [
      [5, '$'],
      [[Symbol('s'), 1], '$'],
    ];
    for (const [entry, path] of bad) {
      const source: StreamedMember[] = [];
      Reflect.set(source, 0, entry);
      await expect(encodeStreamed(streamObject(source), defaults)).rejects.toMatchObject({ path });
    }
  });

  it('an async source cannot be written synchronously', () => {
    const pool = new SegmentPool();
    const value = { a: streamArray(later([1])) };
    expect(() => encodeSync(value, { pool, maxBytes: Infinity })).toThrow(/synchronously/);
    expect(pool.inUse).toBe(0);
  });

  it('a marker that contains itself is a cycle', async () => {
    const items: unknown[] = [];
    const marker = streamArray(items);
    items.push({ marker });
    await expect(encodeStreamed(marker, defaults)).rejects.toMatchObject({ path: '$[0].marker' });
  });
});
