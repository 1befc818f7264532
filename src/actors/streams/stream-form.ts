import type { Codec } from '../../api/definition.ts';
import type { StreamLimits } from '../../api/options.ts';
import type { Filled } from '../../infra/option-checks.ts';
import type { Piece } from '../../api/socket.ts';
import type { ChunkFold } from './chunk-fold.ts';
import type { Replica } from './replica.ts';

/** Bytes of a frame, ready to be written to any number of sockets. */
export interface FrameBytes {
  readonly piece: Piece;
  readonly bytes: number;
}

/** What one frame holds of a stream. */
export interface FramePage {
  /** The frame's JSON up to here, without its positions. */
  readonly head: string;
  readonly at: number;
  readonly to: number;
  readonly folds: readonly ChunkFold[];
  /** Positions of big chunks that come later. */
  readonly late: readonly number[];
}

/** What a stream may hold. */
export interface ContentLimits {
  /** As its codec counts. */
  readonly maxSize: number;
  readonly maxChunks: number;
  readonly unit: 'units' | 'bytes';
}

/** A codec, with the form that its content has in positions, frames and messages between processes. */
export interface StreamForm {
  readonly codec: Codec;
  /** The codec's name on the wire; undefined for text, which needs none. */
  readonly name: string | undefined;
  /** The final message has all that was written. */
  readonly isWholeInEnd: boolean;
  /** Newest windows that stay as they were. */
  readonly keptWindows: number;
  /** Windows beyond them that are folded together. */
  readonly windowsTogether: number;
  /** Up to this size, chunks of one window fold. */
  readonly maxFoldSize: number;

  limitsOf(limits: Filled<StreamLimits>): ContentLimits;
  /** What a source of the publisher gives, as a chunk; ABORTED if the source was stopped. */
  readSource(value: unknown): unknown;
  /** Its JSON takes no slices. */
  isSmall(chunk: unknown): boolean;
  /** Positions that the chunk takes; one of 0 is not written. */
  lengthOf(chunk: unknown): number;
  /** Positions at its end that wait for what comes next. */
  heldBack(chunk: unknown): number;
  /** The position at which a reader goes on that stands within this fold. */
  resumeWithin(fold: ChunkFold, at: number): number;
  /** Neighbours between two positions: only the first and the last are cut. Absent for chunks: they cannot be. */
  cut?(folds: readonly ChunkFold[], from: number, to: number): readonly ChunkFold[];
  /** What a fold counts in a frame that begins at this position, in UTF-16 units. */
  unitsFrom(fold: ChunkFold, at: number): number;
  /** Neighbours as one where they fold. `pins` are the positions of readers. @throws what the codec throws */
  settle(folds: readonly ChunkFold[], pins: () => Iterable<number>): readonly ChunkFold[];
  frame(page: FramePage): FrameBytes;
  /** Small folds, as other processes get them. */
  replicaOf(folds: readonly ChunkFold[]): Extract<Replica['d'], string | readonly unknown[]>;
  /** The final message. @throws what the codec throws */
  end(folds: readonly ChunkFold[], fields: Readonly<Record<string, unknown>>, aborted: string | undefined): unknown;
}
