import { RoundRobin } from '../../round-robin.ts';
import type { Ledger } from '../retention.ts';

/** Threads that one call looks at: some may have nothing to give. */
const THREADS_AT_ONCE = 1_000;

/** Entries that one page of older ones may push out: each takes about a microsecond. */
const DROPPED_AT_ONCE = 1_024;

/** A thread that may hold a tail in this process. */
interface Holder {
  /** Gives memory back, some at a time; answers with how many entries it let go of. */
  unload(): number;
}

/** Keeps what all threads of this process hold in memory within a bound: one after the other gives up its older half. */
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

  /** False where the time was up while the bound was still exceeded. */
  keep(isTimeUp: () => boolean): boolean {
    for (let left = Math.min(THREADS_AT_ONCE, this.#count()); left > 0 && this.isExceeded; left--) {
      this.#threads.cycle()?.unload();
      if (isTimeUp()) return !this.isExceeded;
    }
    return true;
  }

  /** Makes room for a page that is about to be read, some in each turn of the loop; false where no thread has anything to give. */
  async makeRoom(): Promise<boolean> {
    while (this.isExceeded) {
      if (this.#dropSome() === 0) return false;
      if (this.isExceeded) await new Promise((resolve) => void setImmediate(resolve));
    }
    return true;
  }

  /** Answers with how many entries it let go of. */
  #dropSome(): number {
    let dropped = 0;
    for (let left = Math.min(THREADS_AT_ONCE, this.#count()); left > 0 && this.isExceeded; left--) {
      dropped += this.#threads.cycle()?.unload() ?? 0;
      if (dropped >= DROPPED_AT_ONCE) break;
    }
    return dropped;
  }
}
