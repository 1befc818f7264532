import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  encodeSliced,
  encodeSync,
  isProvablySmall,
  SegmentPool,
} from '../../../src/infra/serialization/slicer/slicer.ts';
import { bytesOf, cuts, encodeCut, encodeOptions, nativeBytes, resultOf, type Cut } from './encode.ts';
import { ManualLoop } from './manual-loop.ts';
import { trials } from '../../support/tier.ts';

const defaults: Cut = { name: 'default limits', limits: {}, segmentBytes: 256 * 1024 };

function records(count: number): { id: number; text: string; tags: string[] }[] {
  return Array.from({ length: count }, (_, id) => ({ id, text: `record ${id}`, tags: ['a', 'b'] }));
}

it('a value that needs more than one slice is finished in later turns', async () => {
  const loop = new ManualLoop(1000);
  const options = encodeOptions(defaults, loop);
  const value = { list: records(20_000) };
  const handle = encodeSliced(value, options);
  expect(handle.done).toBe(false);
  expect(options.queue.pending).toBe(1);
  const settled = resultOf(handle);
  loop.drain();
  const result = await settled;
  expect(bytesOf(result)?.equals(nativeBytes(value) ?? Buffer.of())).toBe(true);
  expect(result.stats.slices).toBeGreaterThan(10);
});

it('a value that one slice is enough for is there at once', () => {
  const loop = new ManualLoop(0);
  const handle = encodeSliced(records(2000), encodeOptions(defaults, loop));
  expect(handle).toMatchObject({ done: true, stats: { slices: 1, queueWaitMs: 0 } });
});

it.each<[name: string, value: unknown]>([
  ['records', records(5000)],
  ['a map', Object.fromEntries(records(5000).map((record) => [`key ${record.id}`, record]))],
  ['a long string', ['long '.repeat(50_000), 'x']],
  ['a long key', { ['key '.repeat(50_000)]: 1 }],
  ['bytes', Buffer.alloc(100_000, 7)],
  ['numbers', Array.from({ length: 50_000 }, (_, index) => index / 7)],
  ['a typed array', new Float64Array(50_000).fill(0.5)],
  [
    'properties that are left out',
    Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`k${at}`, undefined])),
  ],
  ['dates', Array.from({ length: 10_000 }, (_, index) => new Date(index))],
])('a slice of %s is a bounded amount of work', async (_name, value) => {
  const loop = new ManualLoop(1000);
  const options = encodeOptions(defaults, loop);
  const settled = resultOf(encodeSliced(value, options));
  loop.drain();
  const result = await settled;
  expect(bytesOf(result)?.equals(nativeBytes(value) ?? Buffer.of())).toBe(true);
  // A slice writes about runUnits bytes; escapes and long numbers make them more than units.
  expect(result.stats.slices).toBeGreaterThan(Math.max(1, result.stats.bytes / (4 * 16 * 1024)));
});

it('a chain of 100,000 levels does not overflow the stack', () => {
  let value: unknown = { end: 1 };
  for (let level = 0; level < 100_000; level++) value = level % 2 === 0 ? { c: value } : [value];
  const { body, stats } = encodeSync(value, { pool: new SegmentPool(), maxBytes: Infinity });
  expect(stats.bytes).toBe(50_000 * 6 + 50_000 * 2 + 9);
  body?.release();
});

it('a chain is not walked again and again: each level is read as often as in a short one', () => {
  const readsALevel = (levels: number): number => {
    let reads = 0;
    let value: unknown = 1;
    for (let level = 0; level < levels; level++) {
      const inner = value;
      value = {
        get c() {
          reads++;
          return inner;
        },
      };
    }
    encodeSync([value, value], { pool: new SegmentPool(), maxBytes: Infinity }).body?.release();
    return reads / levels;
  };
  expect(readsALevel(20_000)).toBeLessThanOrEqual(readsALevel(10));
});

it('properties of long typed arrays besides their elements are not lost', async () => {
  const plain = new Float32Array(5000).fill(1.5);
  const bytes = new Uint8Array(5000);
  const extended = Object.assign(new Float32Array(5000), { name: 'mine', nested: { a: [1] } });
  for (const value of [plain, bytes, extended]) {
    expect((await encodeCut(value, defaults))?.toString()).toBe(JSON.stringify(value));
  }
});

it('changes between slices give other content, but always valid JSON', async () => {
  for (const cut of cuts) {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(200), fc.nat(5)), { maxLength: 60 }), async (changes) => {
        const list: Record<string, unknown>[] = records(cut.limits.runUnits === undefined ? 3000 : 60);
        const value: Record<string, unknown> = { list, text: 'some text '.repeat(20), more: { list } };
        const loop = new ManualLoop(1000);
        const options = encodeOptions(cut, loop);
        const settled = resultOf(encodeSliced(value, options));
        for (const [at, kind] of changes) {
          change(value, list, at, kind);
          loop.turn();
        }
        loop.drain();
        const result = await settled;
        expect(() => JSON.parse(bytesOf(result)?.toString() ?? '')).not.toThrow();
        result.body?.release();
        expect(options.pool.inUse).toBe(0);
      }),
      trials(60),
    );
  }
});

function change(value: Record<string, unknown>, list: Record<string, unknown>[], at: number, kind: number): void {
  const record = list[at % Math.max(1, list.length)];
  if (kind === 0) list.length = Math.max(1, list.length - 3);
  else if (kind === 1) value[`new ${at}`] = { at };
  else if (kind === 2) delete value['text'];
  else if (record === undefined) list.push({ at });
  else if (kind === 3) record['text'] = 'longer '.repeat(at);
  else if (kind === 4) record['tags'] = { deep: [{ at }, undefined, 'x'.repeat(at)] };
  else delete record['id'];
}

it('bytes whose memory is shrunk or taken away between slices never give invalid JSON', async () => {
  const encodeWhile = async (value: unknown, change: () => void): Promise<unknown> => {
    const loop = new ManualLoop(1000);
    const options = encodeOptions(defaults, loop);
    const settled = resultOf(encodeSliced(value, options));
    loop.turn();
    change();
    loop.drain();
    const result = await settled;
    const parsed: unknown = JSON.parse(bytesOf(result)?.toString() ?? '');
    result.body?.release();
    expect(options.pool.inUse).toBe(0);
    return parsed;
  };
  const memory = new ArrayBuffer(100_000, { maxByteLength: 100_000 });
  const data = expect.objectContaining({ length: expect.any(Number) });
  const shrunk = await encodeWhile({ bytes: Buffer.from(memory) }, () => memory.resize(10));
  expect(shrunk).toEqual({ bytes: { type: 'Buffer', data } });
  const numbers = new Float64Array(20_000).fill(1);
  const detached = await encodeWhile([numbers], () => structuredClone(numbers.buffer, { transfer: [numbers.buffer] }));
  expect(Array.isArray(detached)).toBe(true);
  const bytes = Buffer.from(new ArrayBuffer(100_000));
  await expect(
    encodeWhile([bytes], () => structuredClone(bytes.buffer, { transfer: [bytes.buffer] })),
  ).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE', path: '$[0]' });
});

it('a getter whose toJSON changes from one look to the next never gives invalid JSON', async () => {
  for (const cut of cuts) {
    for (let changesAt = 1; changesAt < 6; changesAt++) {
      let looks = 0;
      const unsteady = {
        get toJSON() {
          return ++looks < changesAt ? undefined : () => undefined;
        },
      };
      const bytes = await encodeCut({ pad: 'x'.repeat(20_000), unsteady, list: [unsteady] }, cut);
      expect(() => JSON.parse(bytes?.toString() ?? '')).not.toThrow();
    }
  }
});

it('the gate knows small values from others', () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const small = [1, 'text', null, undefined, { a: [1, { b: new Date(0) }] }, [[], {}], new Uint8Array(100)];
  const other = [
    'x'.repeat(20_000),
    { a: Array.from({ length: 20_000 }, () => 1) },
    cycle,
    { n: 1n },
    { toJSON: () => 1 },
    new Proxy({}, {}),
    Buffer.alloc(10),
    new Float64Array(5000),
    [Object('boxed')],
    {
      get throwing(): never {
        throw new Error('boom');
      },
    },
  ];
  expect(small.map((value) => isProvablySmall(value))).toStrictEqual(small.map(() => true));
  expect(other.map((value) => isProvablySmall(value))).toStrictEqual(other.map(() => false));
  expect(isProvablySmall({ text: 'x'.repeat(100) }, 50)).toBe(false);
});
