import { expect } from 'vitest';
import {
  encodeSliced,
  SegmentPool,
  type EncodeResult,
  type EncodeSlicedOptions,
  type SlicedJobHandle,
} from '../../../src/infra/serialization/slicer/slicer.ts';
import type { SlicerLimits } from '../../../src/infra/serialization/slicer/limits.ts';
import { ManualLoop } from './manual-loop.ts';

export interface Cut {
  readonly name: string;
  readonly limits: Partial<SlicerLimits>;
  readonly segmentBytes: number;
  /** As in the serializer, which has asked before. */
  readonly isKnownBig?: boolean;
}

const tiny = { runUnits: 24, stringUnits: 3, flushUnits: 16, depth: 3 };

/** Ways to cut: the tiny ones take every cut there is, in values of a few properties. */
export const cuts: readonly Cut[] = [
  { name: 'tiny limits', limits: tiny, segmentBytes: 32 },
  {
    name: 'small limits',
    limits: { runUnits: 200, stringUnits: 17, flushUnits: 64, depth: 8 },
    segmentBytes: 256,
    isKnownBig: true,
  },
  { name: 'default limits', limits: {}, segmentBytes: 256 * 1024 },
];

/** `JSON.stringify` as bytes. */
export function nativeBytes(value: unknown): Buffer | undefined {
  const text: string | undefined = JSON.stringify(value);
  return text === undefined ? undefined : Buffer.from(text);
}

export function bytesOf(result: EncodeResult): Buffer | undefined {
  return result.body === undefined ? undefined : Buffer.concat(result.body.chunks);
}

export function encodeOptions(cut: Cut, loop: ManualLoop): EncodeSlicedOptions {
  return {
    queue: loop.queue(),
    pool: new SegmentPool({ segmentBytes: cut.segmentBytes }),
    maxBytes: Infinity,
    limits: cut.limits,
    isKnownBig: cut.isKnownBig,
  };
}

export async function resultOf(handle: SlicedJobHandle): Promise<EncodeResult> {
  return handle.done ? handle : handle.promise;
}

/** What a promise is rejected with; asked at once, so that the rejection is never unhandled. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

/**
 * Encodes with a slice per look at the clock, and sees to it that every segment comes back, whatever happens.
 */
export async function encodeCut(value: unknown, cut: Cut): Promise<Buffer | undefined> {
  const loop = new ManualLoop(1000);
  const options = encodeOptions(cut, loop);
  try {
    const handle = encodeSliced(value, options);
    const settled = resultOf(handle);
    loop.drain();
    const result = await settled;
    const bytes = bytesOf(result);
    expect(result.stats.bytes).toBe(bytes?.length ?? 0);
    result.body?.release();
    return bytes;
  } finally {
    expect(options.pool.inUse).toBe(0);
    expect(options.queue.pending).toBe(0);
  }
}
