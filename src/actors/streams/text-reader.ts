import type { Piece } from '../../api/socket.ts';

/** The streams of chunks that a client reads. */
export interface ChunkReading {
  /** Names of codecs. */
  readonly codecs: ReadonlySet<string>;
  /** It gets big chunks in pieces, after chunks that pass them. */
  readonly takesLate: boolean;
}

/** A member of the thread, as its token streams see it. */
export interface TextReader {
  /** Whether its client reads streams of this codec, undefined for text. A plain connection gets only final messages. */
  takes(codec: string | undefined): boolean;
  /** Whether it gets big chunks in pieces, after those that pass them. */
  readonly takesLate: boolean;
  /** The socket accepts bytes, and no other data of the connection waits to be written. */
  readonly canWrite: boolean;
  /** Writes a frame of a stream; only when `canWrite`. */
  writeFrame(piece: Piece, bytes: number): void;
  /** Whether a piece of a big chunk may be written: half of the socket's buffer stays free for what passes it. */
  admitPiece(): boolean;
  /** Writes a piece; only when `admitPiece`. */
  writePiecemeal(bytes: Uint8Array): void;
  /** Notifies the client that a stream it knows will not end, because its publisher is gone. */
  tellLost(streamId: string): void;
}
