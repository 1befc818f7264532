/** How much of a thread's history is kept. The newest entry is kept by count and bytes whatever its size. */
export interface Retention {
  /** @default 1000 */
  readonly maxEntries: number;
  /** Memory: a message's JSON, what is held of it compressed, and 1 KiB for each message. @default 64 MiB */
  readonly maxBytes: number;
  /** @default one hour */
  readonly maxAgeMs: number;
}

/** Bytes that several buffers hold together. */
export interface Ledger {
  bytes: number;
}
