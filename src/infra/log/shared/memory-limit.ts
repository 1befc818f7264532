import { RoundRobin } from '../../round-robin.ts';
import type { Ledger } from '../retention.ts';

/** Threads that one call looks at: some may have nothing to release. */
const THREADS_AT_ONCE = 1_000;

/** Entries that one page of older ones may push out: each takes about a microsecond. */
const DROPPED_AT_ONCE = 1_024;

/** A thread that may hold a tail in this process. */
interface Holder {
  /** Releases memory, some at a time; returns how many entries it dropped. */
  unload(): number;
}

/** Keeps the memory of all threads of this process within a limit: one thread after the other drops its older half. */
export class MemoryLimit {
  readonly #threads: RoundRobin<Holder>;
  readonly #count: () => number;
  readonly #ledger: Ledger;
  readonly #maxBytes: number;

  constructor(threads: ReadonlyMap<string, Holder>, ledger: Ledger, maxBytes: number) {
    this.#threads = new RoundRobin(threads);
    this.#count = () => threads.size;
    this.#ledger = ledger;
    this.#maxBytes = maxBytes;
  }

  get isExceeded(): boolean {
    return this.#ledger.bytes > this.#maxBytes;
  }

  /** False if the time was up while the limit was still exceeded. */
  keep(isTimeUp: () => boolean): boolean {
    for (let left = Math.min(THREADS_AT_ONCE, this.#count()); left > 0 && this.isExceeded; left--) {
      this.#threads.cycle()?.unload();
      if (isTimeUp()) return !this.isExceeded;
    }
    return true;
  }

  /** Makes room for a page that is about to be read, some in each turn of the loop; false if no thread has anything to release. */
  async makeRoom(): Promise<boolean> {
    while (this.isExceeded) {
      if (this.#dropSome() === 0) return false;
      if (this.isExceeded) await new Promise((resolve) => void setImmediate(resolve));
    }
    return true;
  }

  /** Returns how many entries it dropped. */
  #dropSome(): number {
    let dropped = 0;
    for (let left = Math.min(THREADS_AT_ONCE, this.#count()); left > 0 && this.isExceeded; left--) {
      dropped += this.#threads.cycle()?.unload() ?? 0;
      if (dropped >= DROPPED_AT_ONCE) break;
    }
    return dropped;
  }
}
