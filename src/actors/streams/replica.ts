/** A fold as the processes exchange it: the positions before and after it, its chunk, and 1 for one that is never replayed. */
export type ReplicatedFold = readonly [at: number, to: number, chunk: unknown, transient?: 1];

/** A piece of the JSON of a chunk that is too big for one message. */
export interface ReplicatedPiece {
  readonly n: number;
  readonly of: number;
  readonly text: string;
  readonly isTransient: boolean;
  readonly order: 'late' | 'last' | undefined;
}

/** Content of a stream from a position on, as the processes exchange it: text, folds of chunks, or a part of one fold. */
export interface Replica {
  readonly at: number;
  /** The position after it. */
  readonly to: number;
  readonly d: string | readonly ReplicatedFold[] | ReplicatedPiece;
}
