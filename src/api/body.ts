/**
 * The encoded bytes of one message: a list of chunks that is never concatenated, shared by the log and by every socket that still has to
 * write it. It is the message's JSON; or, where the first byte is 0, a message of bytes: those that follow.
 *
 * References are counted. A body starts with one reference, its creator's. An owner that keeps it calls `retain` and, when done, `release`.
 * At zero, the memory behind the chunks is released. A chunk must not be read after that.
 */
export interface Body {
  readonly chunks: readonly Uint8Array[];
  /** Sum of the chunks' lengths. */
  readonly bytes: number;
  /** Memory behind the chunks, if that is more than their lengths; a log counts it. @default bytes */
  readonly heldBytes?: number;
  /** False once the memory has been released. */
  readonly isAlive: boolean;
  /** @throws RangeError if the memory has already been released */
  retain(): void;
  /** The same bytes are in a frame, from `at` on. A body may then give up its own copy, so that a log holds them once. */
  moveInto?(frame: Uint8Array, at: number): void;
  /** @throws RangeError if it is released more often than retained */
  release(): void;
}
