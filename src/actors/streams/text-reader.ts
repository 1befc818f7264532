/** A member of the thread, as its token streams see it. */
export interface TextReader {
  /** Its socket takes bytes, and nothing else of it waits to be written. */
  readonly canWrite: boolean;
  /** Text of a stream; only when `canWrite`. */
  writeText(bytes: Uint8Array): void;
  /** A stream that its client knows of will have no end: its publisher is gone. */
  tellLost(streamId: string): void;
}
