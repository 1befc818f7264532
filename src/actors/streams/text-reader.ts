/** A member of the thread, as its token streams see it. */
export interface TextReader {
  /** Whether its client reads streams of this codec, undefined for text. A plain connection gets only final messages. */
  takes(codec: string | undefined): boolean;
  /** The socket accepts bytes, and no other data of the connection waits to be written. */
  readonly canWrite: boolean;
  /** Writes a frame of a stream; only when `canWrite`. */
  writeText(bytes: Uint8Array): void;
  /** Notifies the client that a stream it knows will not end, because its publisher is gone. */
  tellLost(streamId: string): void;
}
