/** How much of a thread's history is kept. Count and bytes always allow the newest entry, whatever its size. */
export interface Retention {
  /** @default 1000 */
  readonly maxEntries: number;
  /** Memory in bytes: a message's JSON, its compressed forms, and 1 KiB for each message. @default 64 MiB */
  readonly maxBytes: number;
  /** @default one hour */
  readonly maxAgeMs: number;
}

/** Bytes that several buffers hold together. */
export interface Ledger {
  bytes: number;
}
