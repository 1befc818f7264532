import type { Body } from '../../src/api/body.ts';
import type { EntryDraft } from '../../src/api/entry.ts';
import type { LogTail } from '../../src/api/log.ts';

/** Memory of a thread besides its entries, as the memory log counts it. */
const THREAD_BYTES = 1_024;

/** Sweeps trim what a fan-out has let go; they come every half second. */
const PATIENCE_MS = 2_000;

/** A thread that a process holds, and what that process keeps from being trimmed. */
export interface Holding {
  readonly tail: LogTail;
  /** Entries after this offset; Infinity for none. */
  readonly heldAfter: number;
}

/** What the log may hold of each thread. */
export interface Most {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Compares what the log holds with its limits, and with its own count. */
export class HeldLog {
  readonly #most: Most;
  readonly #complain: (what: string) => void;
  /** By thread: since when it holds too much. */
  readonly #since = new Map<string, number>();
  /** Of all drafts that it was given, with the process that has made them. */
  readonly #bodies = new Map<Body, { readonly isDead: boolean }>();

  constructor(most: Most, complain: (what: string) => void) {
    this.#most = most;
    this.#complain = complain;
  }

  given({ body, deflated }: EntryDraft, by: { readonly isDead: boolean }): void {
    this.#bodies.set(body, by);
    for (const small of deflated?.values() ?? []) this.#bodies.set(small, by);
  }

  /**
   * @param counted bytes of all threads, as the log counts them
   * @param areAll the threads that are given are all that the log has
   */
  examine(threads: ReadonlyMap<string, readonly Holding[]>, counted: number, areAll: boolean, now: number): void {
    let bytes = 0;
    for (const [threadId, holdings] of threads) bytes += this.#examine(threadId, holdings, now);
    if (bytes > counted || (areAll && bytes !== counted))
      this.#complain(`the log counts ${counted} bytes, and its threads hold ${bytes}`);
  }

  #examine(threadId: string, holdings: readonly Holding[], now: number): number {
    const [one] = holdings;
    if (one === undefined) return 0;
    const { tail } = one;
    const heldAfter = Math.min(...holdings.map((holding) => holding.heldAfter));
    let bytes = 0;
    for (let offset = tail.first; offset <= tail.head; offset++) bytes += tail.at(offset)?.heldBytes ?? 0;
    const count = tail.head - tail.first + 1;
    const isTooMuch = count > 1 && (count > this.#most.maxEntries || bytes > this.#most.maxBytes);
    if (!isTooMuch || tail.first > heldAfter) this.#since.delete(threadId);
    else if (!this.#since.has(threadId)) this.#since.set(threadId, now);
    else if (now - (this.#since.get(threadId) ?? now) > PATIENCE_MS)
      this.#complain(`${threadId} holds ${count} entries of ${bytes} bytes that no fan-out waits for`);
    return bytes + THREAD_BYTES;
  }

  /** No process sweeps it. */
  rest(): void {
    this.#since.clear();
  }

  /** The log is closed, and so are its processes: complains of messages whose memory is still held. */
  assertReleased(): void {
    let alive = 0;
    // the memory of all processes is one here, and a dead one never gives back what its own calls held
    for (const [body, by] of this.#bodies) if (body.isAlive && !by.isDead) alive++;
    if (alive > 0) this.#complain(`${alive} of ${this.#bodies.size} bodies are still held`);
  }
}
