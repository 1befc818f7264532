/** A member of the thread, as its token streams see it. */
export interface TextReader {
  /** False for a plain connection, which gets only final messages. */
  readonly takesText: boolean;
  /** The socket accepts bytes, and no other data of the connection waits to be written. */
  readonly canWrite: boolean;
  /** Writes text of a stream; only when `canWrite`. */
  writeText(bytes: Uint8Array): void;
  /** Notifies the client that a stream it knows will not end, because its publisher is gone. */
  tellLost(streamId: string): void;
}
