import type { Codec } from '../../api/definition.ts';
import { ChunkFold } from './chunk-fold.ts';

/** Chunks fold up to this size by their codec, so that a fold fits into a frame and none is copied over and over as it grows. */
const MAX_FOLD_BYTES = 32 * 1024;

/** Two neighbours as one, if they fold. @throws what the codec throws */
export function foldTwo(codec: Codec, a: ChunkFold, b: ChunkFold): ChunkFold | undefined {
  if (a.big !== undefined || b.big !== undefined) return undefined;
  if (a.isTransient || b.isTransient || a.bytes + b.bytes > MAX_FOLD_BYTES) return undefined;
  if (a.order !== undefined || b.order !== undefined) return undefined;
  const chunk: unknown = codec.fold(a.chunk, b.chunk);
  if (chunk === undefined) return undefined;
  return new ChunkFold({ at: a.at, to: b.to, chunk, bytes: a.bytes + b.bytes, isTransient: false });
}

/** Neighbours as one where they fold, except at the positions of readers. @throws what the codec throws */
export function foldAll(codec: Codec, folds: readonly ChunkFold[], pins: ReadonlySet<number>): ChunkFold[] {
  const all: ChunkFold[] = [];
  for (const fold of folds) {
    const last = all.at(-1);
    const isApart = last === undefined || pins.has(last.to) || pins.has(fold.at);
    const both = isApart ? undefined : foldTwo(codec, last, fold);
    if (both === undefined) all.push(fold);
    else all[all.length - 1] = both;
  }
  return all;
}
