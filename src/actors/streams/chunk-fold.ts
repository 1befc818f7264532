import type { BigJson } from './big-json.ts';
import type { ReplicatedFold } from './replica.ts';

/** Pieces that stay encoded: healthy readers are at nearly the same one. */
const KEPT_PIECES = 16;

export interface FoldFacts {
  readonly at: number;
  readonly to: number;
  /** What was written; undefined for one whose JSON alone is here. */
  readonly chunk: unknown;
  readonly bytes: number;
  readonly isTransient: boolean;
  readonly order?: 'late' | 'last' | undefined;
  /** Of a big chunk. */
  readonly big?: BigJson | undefined;
}

/** One or more chunks of a stream as one, with the positions before and after them. */
export class ChunkFold {
  readonly at: number;
  /** As the codec counts them; of a big one, those of its JSON. */
  bytes: number;
  to: number;
  readonly isTransient: boolean;
  /** `late`: it is big, and what follows may pass it. `last`: it waits for what was passed. */
  readonly order: 'late' | 'last' | undefined;
  /** The JSON of a big chunk. */
  readonly big: BigJson | undefined;
  #chunk: unknown;
  #json: string | undefined;
  #shared: readonly Uint8Array[] | undefined;
  #pieces: Map<number, Uint8Array> | undefined;

  constructor({ at, to, chunk, bytes, isTransient, order, big }: FoldFacts) {
    this.at = at;
    this.to = to;
    this.bytes = bytes;
    this.isTransient = isTransient;
    this.order = order;
    this.big = big;
    this.#chunk = chunk;
  }

  /** Takes its neighbour in: together they are `chunk`. Only before it is released, as frames and readers share it then. */
  extend(chunk: unknown, next: { readonly to: number; readonly bytes: number }): void {
    this.#chunk = chunk;
    this.to = next.to;
    this.bytes += next.bytes;
  }

  /** Another one, with its neighbour. */
  with(chunk: unknown, next: { readonly to: number; readonly bytes: number }): ChunkFold {
    return new ChunkFold({ at: this.at, to: next.to, chunk, bytes: this.bytes + next.bytes, isTransient: false });
  }

  get chunk(): unknown {
    if (this.isUnread) this.#chunk = this.big?.parse();
    return this.#chunk;
  }

  /** Its JSON was not parsed yet: it comes from another process. */
  get isUnread(): boolean {
    return this.big !== undefined && this.#chunk === undefined;
  }

  /** What its JSON says, parsed elsewhere. */
  read(chunk: unknown): void {
    this.#chunk = chunk;
  }

  /** All connections that need it share its text. Not of a big one. */
  get json(): string {
    return (this.#json ??= jsonOf(this.#chunk) ?? 'null');
  }

  /** Of its JSON: UTF-16 units, or bytes of a big one. */
  get units(): number {
    return this.big?.bytes ?? this.json.length;
  }

  /** The UTF-8 of its JSON, once for all frames that hold it alone. */
  get shared(): readonly Uint8Array[] {
    return (this.#shared ??= this.big?.chunks ?? [Buffer.from(this.json)]);
  }

  /** A piece of a big one as a frame; `encode` makes it. */
  piece(n: number, encode: (json: string) => Uint8Array): Uint8Array {
    this.#pieces ??= new Map();
    let piece = this.#pieces.get(n);
    if (piece !== undefined) return piece;
    piece = encode(JSON.stringify(this.big?.piece(n)));
    if (this.#pieces.size >= KEPT_PIECES) this.#pieces.delete(this.#pieces.keys().next().value ?? n);
    this.#pieces.set(n, piece);
    return piece;
  }

  /** Not of a big one. */
  get replica(): ReplicatedFold {
    const { at, to } = this;
    return this.isTransient ? [at, to, this.#chunk, 1] : [at, to, this.#chunk];
  }
}

/** Undefined for what has no JSON. */
function jsonOf(chunk: unknown): string | undefined {
  try {
    return JSON.stringify(chunk);
  } catch {
    return undefined;
  }
}
