import type { Piece } from '../../api/socket.ts';

/** One frame with content of a stream, ready to be written to any number of sockets. */
export interface StreamFrame {
  readonly piece: Piece;
  readonly bytes: number;
  /** The position after its content. */
  readonly to: number;
}

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

/**
 * What a stream holds, as a log of its own with positions. Content waits for the end of its window, then it may be sent. Text counts in
 * UTF-16 units and can be cut anywhere between two characters; chunks are counted, and the folded ones cannot be cut.
 */
export interface StreamContent {
  /** The name of the codec; undefined for text. */
  readonly codec: string | undefined;
  /** The position after everything that was written. */
  readonly length: number;
  /** Content up to here may be sent to connections. */
  readonly told: number;
  /** Content can be released. */
  readonly isPending: boolean;
  /** The window is over: releases what was written. Returns how much that is, in UTF-16 units or bytes. */
  takePending(): number;
  /** The nearest position not after `at` where a connection may go on. */
  align(at: number): number;
  /** The next frame for a connection at this position. It begins at 0 if the position is within a fold. */
  frame(from: number): StreamFrame;
  /** The final message. */
  final(fields: Readonly<Record<string, unknown>>, aborted: string | undefined): unknown;
  /**
   * What other processes need that have everything before `from`: in pieces of a limited size. What is released while they are read is in
   * them, too.
   * @param piece of the big chunk at `from`, to go on from
   */
  replicas(from: number, piece: number): Iterator<Replica, undefined>;
  /** Takes content from another process; what is known is left out. False if something between is missing. */
  take(replica: Replica): boolean;
  /** Pieces that have arrived of the big chunk that comes next. */
  readonly begun: number;
}
