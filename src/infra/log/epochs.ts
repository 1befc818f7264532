import { hash } from 'node:crypto';

/** Counters that threads share by their names: 16 KiB for any number of threads. */
const COUNTERS = 4_096;

/**
 * The epochs of a log's threads, known before a thread exists. Asking for an unknown thread's position must not create it, and the answer
 * must be right when it begins. So an epoch is computed from the log's own id and from how often a thread with this counter was forgotten.
 */
export class Epochs {
  readonly #life: string;
  readonly #ends = new Uint32Array(COUNTERS);

  /** @param life an id of this log instance; no other instance may have the same */
  constructor(life: string) {
    this.#life = life;
  }

  /** The epoch that the thread has, or will have. */
  of(threadId: string): string {
    const counter = counterOf(threadId);
    const text = `${this.#life} ${this.#ends[counter]} ${threadId}`;
    // in one go: a Hash object takes several microseconds for each thread that is joined
    return hash('sha256', text, 'base64url').slice(0, 16);
  }

  /** The thread and its entries have been forgotten: the next thread of this name has another epoch. */
  end(threadId: string): void {
    const counter = counterOf(threadId);
    this.#ends[counter] = (this.#ends[counter] ?? 0) + 1;
  }
}

function counterOf(threadId: string): number {
  let hash = 0;
  for (let i = 0; i < threadId.length; i++) hash = (Math.imul(hash, 31) + threadId.charCodeAt(i)) | 0;
  return (hash >>> 0) % COUNTERS;
}
