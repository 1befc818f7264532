import type { Ledger } from '../log-buffer.ts';
import type { RedisThread } from './thread.ts';

/** Threads that are looked at in one go: all of very many would hold the event loop. */
const MAX_AT_ONCE = 1_000;

/** Keeps what all threads of this process hold in memory within a bound: one after the other gives up its older half. */
export class MemoryLimit {
  readonly #threads: ReadonlyMap<string, RedisThread>;
  readonly #ledger: Ledger;
  readonly #maxBytes: number;
  #next: Iterator<RedisThread> | undefined;

  constructor(threads: ReadonlyMap<string, RedisThread>, ledger: Ledger, maxBytes: number) {
    this.#threads = threads;
    this.#ledger = ledger;
    this.#maxBytes = maxBytes;
  }

  keep(): void {
    if (this.#ledger.bytes <= this.#maxBytes) return;
    for (
      let left = Math.min(MAX_AT_ONCE, this.#threads.size);
      left > 0 && this.#ledger.bytes > this.#maxBytes;
      left--
    ) {
      const next = (this.#next ??= this.#threads.values()).next();
      if (next.done === true) this.#next = undefined;
      else next.value.tail?.unload();
    }
  }
}
