import type { ReplicatedFold } from './stream-content.ts';

/** UTF-16 units of a big chunk's JSON in one frame: an urgent chunk waits for one of them at most, besides what is already in the socket. */
const PIECE_UNITS = 64 * 1024;

/** Pieces that stay encoded: healthy readers are at nearly the same one. */
const KEPT_PIECES = 16;

export interface FoldFacts {
  readonly at: number;
  readonly to: number;
  readonly chunk: unknown;
  readonly bytes: number;
  readonly isTransient: boolean;
  readonly order?: 'late' | 'last' | undefined;
}

/** One or more chunks of a stream as one, with the positions before and after them. */
export class ChunkFold {
  readonly at: number;
  readonly to: number;
  readonly chunk: unknown;
  /** As the codec counts them. */
  readonly bytes: number;
  readonly isTransient: boolean;
  /** `late`: it is big, and what follows may pass it. `last`: it waits for what was passed. */
  readonly order: 'late' | 'last' | undefined;
  #json: string | undefined;
  #shared: Buffer | undefined;
  #pieces: Map<number, Uint8Array> | undefined;

  /** @param json of a big chunk, so that it is made once */
  constructor({ at, to, chunk, bytes, isTransient, order }: FoldFacts, json?: string) {
    this.at = at;
    this.to = to;
    this.chunk = chunk;
    this.bytes = bytes;
    this.isTransient = isTransient;
    this.order = order;
    this.#json = json;
  }

  /** All connections that need it share its text. */
  get json(): string {
    return (this.#json ??= jsonOf(this.chunk) ?? 'null');
  }

  /** The UTF-8 of its JSON, once for all frames that hold it alone. */
  get shared(): Buffer {
    return (this.#shared ??= Buffer.from(this.json));
  }

  /** How many pieces it is sent in. */
  get pieces(): number {
    return Math.ceil(this.json.length / PIECE_UNITS);
  }

  /** A piece of its text as a frame; `encode` makes it. A pair of surrogates that is cut comes as two escapes. */
  piece(n: number, encode: (json: string) => Uint8Array): Uint8Array {
    this.#pieces ??= new Map();
    let piece = this.#pieces.get(n);
    if (piece !== undefined) return piece;
    piece = encode(JSON.stringify(this.json.slice(n * PIECE_UNITS, (n + 1) * PIECE_UNITS)));
    if (this.#pieces.size >= KEPT_PIECES) this.#pieces.delete(this.#pieces.keys().next().value ?? n);
    this.#pieces.set(n, piece);
    return piece;
  }

  get replica(): ReplicatedFold {
    const { at, to, chunk } = this;
    return this.isTransient ? [at, to, chunk, 1] : [at, to, chunk];
  }
}

/** Undefined for what has no JSON. */
export function jsonOf(chunk: unknown): string | undefined {
  try {
    return JSON.stringify(chunk);
  } catch {
    return undefined;
  }
}
