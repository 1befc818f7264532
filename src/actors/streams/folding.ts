import type { Codec } from '../../api/definition.ts';
import { IN_PARTS_ABOVE_BYTES } from '../../infra/wire/part-frames.ts';
import type { BigJson } from './big-json.ts';
import type { ChunkFold, FoldFacts } from './chunk-fold.ts';
import type { StreamForm } from './stream-form.ts';

/** Size by its codec up to which chunks fold, so that a fold fits into a frame and none is copied over and over as it grows. */
export const MAX_FOLD_SIZE = 32 * 1024;

/**
 * The chunk that both are, if they fold.
 * @throws what the codec throws
 */
function bothOf(codec: Codec, a: ChunkFold, b: FoldFacts, maxSize: number): unknown {
  if (a.big !== undefined || b.big !== undefined) return undefined;
  if (a.isTransient || b.isTransient || a.bytes + b.bytes > maxSize) return undefined;
  if (a.order !== undefined || b.order !== undefined) return undefined;
  const chunk: unknown = codec.fold(a.chunk, b.chunk);
  return chunk;
}

/** Folds the second one into the first, which was not released yet; false if they do not fold. @throws what the codec throws */
export function foldInto(codec: Codec, a: ChunkFold, b: FoldFacts, maxSize: number): boolean {
  const chunk = bothOf(codec, a, b, maxSize);
  if (chunk === undefined) return false;
  a.extend(chunk, b);
  return true;
}

/** Neighbours as one where they fold, except at the positions of readers. @throws what the codec throws */
export function foldAll(codec: Codec, folds: readonly ChunkFold[], pins: ReadonlySet<number>): ChunkFold[] {
  const all: ChunkFold[] = [];
  for (const fold of folds) {
    const last = all.at(-1);
    const isApart = last === undefined || pins.has(last.to) || pins.has(fold.at);
    const chunk = isApart ? undefined : bothOf(codec, last, fold, MAX_FOLD_SIZE);
    if (chunk === undefined || last === undefined) all.push(fold);
    else all[all.length - 1] = last.with(chunk, fold);
  }
  return all;
}

/** Whether others may pass the chunk, or it waits for those that were passed. @throws what the codec throws */
export function orderOf(codec: Codec, chunk: unknown, big?: BigJson): 'late' | 'last' | undefined {
  const order = codec.order?.(chunk);
  return order === 'late' && (big?.bytes ?? 0) <= IN_PARTS_ABOVE_BYTES ? undefined : order;
}

/** Takes so many positions from the end of what is released: they wait for what comes next. */
export function holdBack(form: StreamForm, released: ChunkFold[], count: number): ChunkFold[] {
  const last = count > 0 ? released.pop() : undefined;
  if (last === undefined) return [];
  const cutAt = last.to - count;
  released.push(...(form.cut?.([last], last.at, cutAt) ?? []));
  return [...(form.cut?.([last], cutAt, last.to) ?? [])];
}
