/** Batches that each lane has done since the sender was created, modulo 2^32. */
export type OnLanded = (lane0: number, lane1: number) => void;

/** Sends the same bytes to many sockets from threads beside the event loop. All calls are of one realm. */
export interface NativeSender {
  /** Starts threads until there are so many, at most 2. 0, or -errno. */
  start(lanes: number): number;
  /**
   * A duplicate of a socket's descriptor. -EMFILE where fewer than `reserve` descriptors would be left for others.
   * @returns its slot, or -errno
   */
  adopt(fd: number, reserve: number): number;
  /** Ends the connection now, also while it is in a batch. */
  shut(slot: number): void;
  /** Closes the duplicate. Only while it is in no batch. */
  release(slot: number): void;
  /**
   * Hands over one batch of at most 256. The caller keeps the three arrays, unchanged, until it has landed.
   * @param results gets, for each slot, the bytes that the kernel took or -errno; then how many of them are not all bytes
   * @returns false where it was not taken: the queue is full
   */
  send(lane: number, slots: Int32Array, count: number, bytes: Uint8Array, results: Int32Array): boolean;
  /** Holds the caller until all that was handed over has been sent. */
  drain(): void;
  /** The same, then ends the threads. */
  stop(): void;
  /** CPU time of a thread, in milliseconds; 0 where the system does not tell. */
  laneCpuMs(lane: number): number;
  /** Keeps a thread on one core, for measurements. 0, or -errno. */
  pin(lane: number, core: number): number;
}

/** @param onLanded called from the event loop, once for all that has landed since it was called last; must not throw */
export function create(onLanded: OnLanded): NativeSender;

/** Descriptors that this process may have open; 0 where that is not limited. */
export function descriptorLimit(): number;
