import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSliced, encodeSync, SegmentPool } from '../../../src/infra/serialization/slicer/slicer.ts';
import { streamArray } from '../../../src/infra/serialization/slicer/streamed.ts';
import { anyValue } from './adversarial.ts';
import { bytesOf, nativeBytes, rejectionOf, resultOf } from './encode.ts';
import { ManualLoop } from './manual-loop.ts';
import { trials } from '../../support/tier.ts';

const limits = { runUnits: 200, stringUnits: 17, flushUnits: 64, depth: 8 };
const big = { list: Array.from({ length: 5000 }, (_, id) => ({ id, text: `record ${id}` })) };

it('a small result does not pin a segment', () => {
  const pool = new SegmentPool();
  const { body } = encodeSync({ text: 'x'.repeat(20_000) }, { pool, maxBytes: Infinity });
  expect(pool).toMatchObject({ inUse: 0, free: 1 });
  expect(body?.chunks).toHaveLength(1);
  expect(body?.chunks[0]?.buffer.byteLength).toBe(body?.bytes);
});

it('a big result is a list of segments, with its tail copied', () => {
  const pool = new SegmentPool();
  const text = 'x'.repeat(520 * 1024);
  const { body } = encodeSync(text, { pool, maxBytes: Infinity });
  expect(body?.chunks).toHaveLength(3);
  expect(pool.inUse).toBe(2);
  body?.release();
  expect(pool).toMatchObject({ inUse: 0, free: 3 });
});

it('segments come back when the last owner lets go, and are used again', () => {
  const pool = new SegmentPool({ segmentBytes: 1024 });
  const { body } = encodeSync(big, { pool, maxBytes: Infinity });
  body?.retain();
  body?.release();
  expect(pool.inUse).toBeGreaterThan(100);
  body?.release();
  expect(pool.inUse).toBe(0);
  const free = pool.free;
  encodeSync(big, { pool, maxBytes: Infinity }).body?.release();
  expect(pool).toMatchObject({ inUse: 0, free });
});

it('the free list is bounded', () => {
  const pool = new SegmentPool({ segmentBytes: 1024, maxFree: 5 });
  encodeSync(big, { pool, maxBytes: Infinity }).body?.release();
  expect(pool).toMatchObject({ inUse: 0, free: 5 });
});

it('bytes stay right when segments with old bytes are used again', async () => {
  const pool = new SegmentPool({ segmentBytes: 64, maxFree: 8 });
  const loop = new ManualLoop(1000);
  const options = { queue: loop.queue(), pool, maxBytes: Infinity, limits };
  await fc.assert(
    fc.asyncProperty(anyValue, async (value) => {
      const settled = resultOf(encodeSliced(value, options));
      loop.drain();
      const result = await settled;
      expect(bytesOf(result)?.toString()).toBe(nativeBytes(value)?.toString());
      result.body?.release();
    }),
    trials(1_000),
  );
  expect(pool.inUse).toBe(0);
});

describe('segments come back at once', () => {
  function start(value: unknown, signal?: AbortSignal) {
    const loop = new ManualLoop(1000);
    const pool = new SegmentPool({ segmentBytes: 1024 });
    const queue = loop.queue();
    const handle = encodeSliced(value, { queue, pool, maxBytes: Infinity, limits, signal });
    if (handle.done) throw new Error('the value is meant to need more than one slice');
    return { loop, pool, queue, handle };
  }

  it('when a job is cancelled', async () => {
    const { loop, pool, queue, handle } = start(big);
    loop.turn();
    expect(pool.inUse).toBeGreaterThan(0);
    const reason = new Error('not wanted any more');
    handle.cancel(reason);
    expect(pool.inUse).toBe(0);
    expect(queue.pending).toBe(0);
    await expect(handle.promise).rejects.toBe(reason);
    handle.cancel(new Error('without effect'));
    loop.drain();
    expect(pool.inUse).toBe(0);
  });

  it('when a signal is aborted', async () => {
    const controller = new AbortController();
    const { pool, handle } = start(big, controller.signal);
    const reason = new Error('aborted');
    controller.abort(reason);
    expect(pool.inUse).toBe(0);
    await expect(handle.promise).rejects.toBe(reason);
  });

  it('when the value turns out to be bad', async () => {
    const { loop, pool, queue, handle } = start({ ...big, bad: 1n });
    const rejected = rejectionOf(handle.promise);
    loop.drain();
    expect(await rejected).toMatchObject({ message: expect.stringMatching(/BigInt/) });
    expect(pool.inUse).toBe(0);
    expect(queue.pending).toBe(0);
  });

  it('when the value itself cancels the job that reads it', async () => {
    const reason = new Error('from within');
    const list: unknown[] = [big, { toJSON: () => started.handle.cancel(reason) }, big];
    const started = start(list);
    const rejected = rejectionOf(started.handle.promise);
    started.loop.drain();
    expect(await rejected).toBe(reason);
    expect(started.pool.inUse).toBe(0);
    expect(started.queue.pending).toBe(0);
  });

  it('when the value cancels the job in its very last slice', async () => {
    const reason = new Error('at the end');
    const started = start([big, { toJSON: () => started.handle.cancel(reason) }]);
    const rejected = rejectionOf(started.handle.promise);
    started.loop.drain();
    expect(await rejected).toBe(reason);
    expect(started.pool.inUse).toBe(0);
  });

  it('when a job is cancelled while it waits for a source', async () => {
    const never = new Promise<never>(() => {});
    const { pool, queue, handle } = start([
      big,
      streamArray({ [Symbol.asyncIterator]: () => ({ next: () => never }) }),
    ]);
    handle.cancel(new Error('enough'));
    await expect(handle.promise).rejects.toThrow('enough');
    expect(pool.inUse).toBe(0);
    expect(queue.pending).toBe(0);
  });
});

it('an aborted signal is refused', () => {
  const loop = new ManualLoop(0);
  const pool = new SegmentPool();
  const signal = AbortSignal.abort(new Error('too late'));
  const options = { queue: loop.queue(), pool, maxBytes: Infinity, signal };
  expect(() => encodeSliced(big, options)).toThrow('too late');
  expect(pool.inUse).toBe(0);
});

it('gives up what a burst has left, by and by, and keeps what is needed', () => {
  const pool = new SegmentPool({ segmentBytes: 16 });
  const burst = Array.from({ length: 1_000 }, () => pool.acquire());
  pool.release(burst);
  pool.sweep();
  expect(pool.free).toBe(1_000);
  for (let i = 0; i < 10; i++) {
    // a hundred are in use again and again
    const segments = Array.from({ length: 100 }, () => pool.acquire());
    pool.release(segments);
    pool.sweep();
  }
  expect(pool.free).toBeLessThan(600);
  for (let i = 0; i < 100; i++) pool.sweep();
  expect(pool.free).toBe(64);
});
