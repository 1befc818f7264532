import type { Clock } from '../../api/clock.ts';
import { parseInSlices } from '../../infra/serialization/json-slices.ts';
import type { ChunkFold } from './chunk-fold.ts';

/** Parses the JSON of big chunks of another process, in slices. Never rejects. */
export async function readChunks(folds: readonly ChunkFold[], clock: Pick<Clock, 'nextTurn'>): Promise<void> {
  const nextTurn = (): Promise<void> => new Promise((resolve) => clock.nextTurn(resolve));
  for (const fold of folds) {
    try {
      fold.read(await parseInSlices(await bytesOf(fold, nextTurn), nextTurn));
    } catch {
      // nested deeper than can be sliced
      readAtOnce(fold);
    }
  }
}

async function bytesOf({ big }: ChunkFold, nextTurn: () => Promise<void>): Promise<Uint8Array> {
  const pieces = big?.chunks ?? [];
  // its pages are touched piece by piece, as they are copied
  const bytes = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const [index, piece] of pieces.entries()) {
    if (index % PIECES_PER_TURN === PIECES_PER_TURN - 1) await nextTurn();
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function readAtOnce(fold: ChunkFold): void {
  try {
    fold.read(fold.big?.parse());
  } catch {
    // the other process has sent no JSON: its codec gets nothing that it could take for a chunk of its own
    fold.read(null);
  }
}

/** Of 64 KiB. */
const PIECES_PER_TURN = 8;
