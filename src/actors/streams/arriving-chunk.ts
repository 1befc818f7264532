import { BigJson } from './big-json.ts';
import type { ChunkFold } from './chunk-fold.ts';
import type { Replica, ReplicatedPiece } from './replica.ts';

/** A big chunk in pieces, as other processes get it. @param first to go on from */
export function* piecesOf(
  { big, isTransient, order }: ChunkFold,
  at: number,
  to: number,
  first: number,
): Generator<Replica> {
  const of = big?.pieces ?? 0;
  for (let n = Math.min(first, of - 1); n < of; n++)
    yield { at, to, d: { n, of, text: big?.piece(n) ?? '', isTransient, order } };
}

/** A big chunk of another process, whose JSON comes in pieces. */
export class ArrivingChunk {
  readonly at: number;
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  constructor(at: number) {
    this.at = at;
  }

  /** Pieces that are here. */
  get count(): number {
    return this.#parts.length;
  }

  /** Its JSON if this was the last piece. `known` is one that came before, or the next; after `missing`, one of those before has to come again. */
  take({ n, of, text }: ReplicatedPiece): BigJson | 'known' | 'missing' {
    if (n < this.count) return 'known';
    if (n > this.count) return 'missing';
    const part = Buffer.from(text);
    this.#parts.push(part);
    this.#bytes += part.length;
    return this.count >= of ? new BigJson(this.#parts, this.#bytes) : 'known';
  }
}
