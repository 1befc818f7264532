import type { PendingAppend } from './pending-appends.ts';
import type { Place } from './entry-placement.ts';

/** Entries that wait for others before them; entries beyond the limit are read from the log. */
const MAX_EARLY = 1_024;

/** Entries that arrived before their predecessors. */
export class ReorderBuffer {
  readonly #byOffset = new Map<number, Place>();
  readonly #onLost: (own: PendingAppend) => void;

  /** @param onLost the log had answered the append, and has lost it since */
  constructor(onLost: (own: PendingAppend) => void) {
    this.#onLost = onLost;
  }

  get isEmpty(): boolean {
    return this.#byOffset.size === 0;
  }

  /** False if too many wait: the entry then has to be read. Own appends are limited elsewhere, and wait for their answer. */
  add(place: Place): boolean {
    const { arrival, own } = place;
    const former = this.#byOffset.get(arrival.offset);
    if (former === undefined && own === undefined && this.#byOffset.size >= MAX_EARLY) return false;
    const isSame = former?.arrival.id === arrival.id;
    // two messages with one offset: the log has another history now, which does not have the first of them
    if (!isSame && former?.own !== undefined) this.#onLost(former.own);
    this.#byOffset.set(arrival.offset, { arrival, own: own ?? (isSame ? former.own : undefined) });
    return true;
  }

  take(offset: number): Place | undefined {
    if (this.isEmpty) return undefined;
    const place = this.#byOffset.get(offset);
    if (place !== undefined) this.#byOffset.delete(offset);
    return place;
  }

  /** All entries, in order. */
  takeAll(): Place[] {
    const places = [...this.#byOffset.values()].toSorted((a, b) => a.arrival.offset - b.arrival.offset);
    this.clear();
    return places;
  }

  clear(): void {
    this.#byOffset.clear();
  }
}
