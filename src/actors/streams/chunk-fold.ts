import type { ReplicatedFold } from './stream-content.ts';

export interface FoldFacts {
  readonly at: number;
  readonly to: number;
  readonly chunk: unknown;
  readonly bytes: number;
  readonly isTransient: boolean;
}

/** One or more chunks of a stream as one, with the positions before and after them. */
export class ChunkFold {
  readonly at: number;
  readonly to: number;
  readonly chunk: unknown;
  /** As the codec counts them. */
  readonly bytes: number;
  readonly isTransient: boolean;
  #json: string | undefined;
  #shared: Buffer | undefined;

  constructor({ at, to, chunk, bytes, isTransient }: FoldFacts) {
    this.at = at;
    this.to = to;
    this.chunk = chunk;
    this.bytes = bytes;
    this.isTransient = isTransient;
  }

  /** All connections that need it share its text. */
  get json(): string {
    return (this.#json ??= jsonOf(this.chunk) ?? 'null');
  }

  /** The UTF-8 of its JSON, once for all frames that hold it alone. */
  get shared(): Buffer {
    return (this.#shared ??= Buffer.from(this.json));
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
