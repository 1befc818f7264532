import type { PendingAppend } from './pending-appends.ts';
import type { Place } from './entry-placement.ts';

/** Entries that wait for others before them; entries beyond the limit are read from the log. */
const MAX_EARLY = 1_024;

/** An entry that came after this many questions to the log. */
interface Waiting extends Place {
  readonly questions: number;
}

/** Entries that arrived before their predecessors. */
export class ReorderBuffer {
  /** Undefined while none waits, which is nearly always. */
  #byOffset: Map<number, Waiting> | undefined;
  readonly #onLost: (own: PendingAppend) => void;

  /** @param onLost the log had answered the append, and has lost it since */
  constructor(onLost: (own: PendingAppend) => void) {
    this.#onLost = onLost;
  }

  get isEmpty(): boolean {
    return this.#byOffset === undefined;
  }

  /** False if too many wait: the entry then has to be read. Own appends are limited elsewhere, and wait for their answer. */
  add({ arrival, own }: Place, questions: number): boolean {
    const byOffset = (this.#byOffset ??= new Map());
    const former = byOffset.get(arrival.offset);
    if (former === undefined && own === undefined && byOffset.size >= MAX_EARLY) return false;
    const isSame = former?.arrival.id === arrival.id;
    // two messages with one offset: the log has another history now, which does not have the first of them
    if (!isSame && former?.own !== undefined) this.#onLost(former.own);
    byOffset.set(arrival.offset, { arrival, own: own ?? (isSame ? former.own : undefined), questions });
    return true;
  }

  take(offset: number): Place | undefined {
    const place = this.#byOffset?.get(offset);
    if (place !== undefined) this.#byOffset?.delete(offset);
    if (this.#byOffset?.size === 0) this.clear();
    return place;
  }

  /**
   * The log has answered this question, and the tail has what it had then. What came before the question needs nothing more: it is in the tail,
   * or of a history that the log does not have. Own appends stay until they are settled.
   */
  answered(question: number): void {
    for (const [offset, { own, questions }] of this.#byOffset ?? [])
      if (questions < question && own?.isSettled !== false) this.take(offset);
  }

  /** All entries, in order. */
  takeAll(): Place[] {
    const places = [...(this.#byOffset?.values() ?? [])].toSorted((a, b) => a.arrival.offset - b.arrival.offset);
    this.clear();
    return places;
  }

  clear(): void {
    this.#byOffset = undefined;
  }
}
