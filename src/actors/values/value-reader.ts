/** A member of the thread, as its values see it. */
export interface ValueReader {
  /**
   * The member has had all changes up to this one. -1 for one that is to get all values, Infinity for one whose client did not ask for
   * values.
   */
  valuesAt: number;
  /** The socket accepts bytes, and no other data of the connection waits to be written. */
  readonly canWrite: boolean;
  /** Writes a frame of values; only when `canWrite`. */
  writeText(bytes: Uint8Array): void;
}
