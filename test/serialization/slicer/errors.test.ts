import { describe, expect, it } from 'vitest';
import { MessageTooLargeError, UnserializableMessageError } from '../../../src/infra/errors.ts';
import { encodeSliced, encodeSync, SegmentPool } from '../../../src/infra/serialization/slicer/slicer.ts';
import { cuts, encodeCut, rejectionOf } from './encode.ts';
import { ManualLoop } from './manual-loop.ts';

function cyclic(): unknown {
  const inner: Record<string, unknown> = { fine: 1 };
  inner['self'] = [0, inner];
  return { a: { b: [1, 2, 3, inner] } };
}

const throwing = {
  get bad(): never {
    throw new Error('boom');
  },
};

const cases: [name: string, value: unknown, path: string, reason: RegExp][] = [
  ['a cycle', cyclic(), '$.a.b[3].self[1]', /cycle/],
  ['a BigInt in an array', { a: { b: [1, 2, 3, 4n] } }, '$.a.b[3]', /BigInt/],
  ['a BigInt in an object', [{ 'odd key': { n: 1n } }], '$[0]["odd key"].n', /BigInt/],
  ['a BigInt at the root', 1n, '$', /BigInt/],
  ['a toJSON that throws', { list: [{ toJSON: () => fail('boom') }] }, '$.list[0]', /toJSON threw/],
  ['a getter that throws', { list: [[], { throwing }] }, '$.list[1].throwing.bad', /reading it threw/],
  ['a toJSON result with a BigInt', { x: { toJSON: () => ({ y: [1n] }) } }, '$.x.y[0]', /BigInt/],
];

function fail(message: string): never {
  throw new Error(message);
}

describe.each(cuts)('with $name', (cut) => {
  it.each(cases)('%s is named with its path', async (_name, value, path, reason) => {
    const error: unknown = await rejectionOf(encodeCut(value, cut));
    expect(error).toBeInstanceOf(UnserializableMessageError);
    expect(error).toMatchObject({ path, message: expect.stringMatching(reason) });
  });

  it('what user code has thrown is the cause', async () => {
    for (const value of [[{ toJSON: () => fail('boom') }], [throwing], { throwing }]) {
      expect(await rejectionOf(encodeCut(value, cut))).toMatchObject({ cause: { message: 'boom' } });
    }
  });

  it('too many bytes are an error as soon as they are there', async () => {
    let reads = 0;
    const part = { toJSON: () => `part ${++reads}` };
    const value = Array.from({ length: 100_000 }, () => part);
    const pool = new SegmentPool({ segmentBytes: cut.segmentBytes });
    const encode = (): unknown => encodeSync(value, { pool, maxBytes: 50_000, limits: cut.limits });
    expect(encode).toThrow(MessageTooLargeError);
    expect(reads).toBeLessThan(10_000);
    expect(pool.inUse).toBe(0);
  });

  it('the limit itself is allowed', () => {
    const pool = new SegmentPool({ segmentBytes: cut.segmentBytes });
    const value = 'x'.repeat(1000);
    const limits = cut.limits;
    expect(encodeSync(value, { pool, limits, maxBytes: 1002 }).stats.bytes).toBe(1002);
    expect(() => encodeSync(value, { pool, limits, maxBytes: 1001 })).toThrow(/limit of 1001/);
  });
});

it('the path of a very deep error is shortened', () => {
  let value: unknown = 1n;
  for (let level = 0; level < 1000; level++) value = { c: value };
  const encode = (): unknown => encodeSync(value, { pool: new SegmentPool(), maxBytes: Infinity });
  expect(encode).toThrow(/\$(\.c){32}\.\.\.(\.c){32}$/);
});

it('an error in the first slice is thrown by the call', () => {
  const loop = new ManualLoop(0);
  const options = { queue: loop.queue(), pool: new SegmentPool(), maxBytes: Infinity };
  expect(() => encodeSliced(cyclic(), options)).toThrow(UnserializableMessageError);
  expect(options.pool.inUse).toBe(0);
  expect(options.queue.pending).toBe(0);
});
