import { BigJson } from './big-json.ts';
import type { ReplicatedPiece } from './stream-content.ts';

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
