/**
 * The encoded bytes of one message: a list of chunks that is never concatenated, shared by the log and by every socket
 * that still has to write it.
 *
 * References are counted: a body starts with one, its maker's. An owner that keeps it for later calls `retain` and, when done, `release`; at
 * zero the memory behind the chunks is given back. A chunk must not be read after that.
 */
export interface Body {
  readonly chunks: readonly Uint8Array[];
  /** Sum of the chunks' lengths. */
  readonly bytes: number;
  /** Memory behind the chunks, where that is more than their lengths: what a log counts. @default bytes */
  readonly heldBytes?: number;
  /** False once the memory has been given back. */
  readonly isAlive: boolean;
  /** @throws RangeError: the memory has been given back already */
  retain(): void;
  /** The same bytes are in a frame, from `at` on: a body that can gives up its own, so that a log holds them once. */
  moveInto?(frame: Uint8Array, at: number): void;
  /** @throws RangeError: released more often than retained */
  release(): void;
}
