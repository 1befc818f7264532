import type { Place } from './redis-log-placing.ts';

/** Entries that wait for others before them; what is beyond is read from Redis. */
const MAX_EARLY = 1_024;

/** What came before its turn. */
export class EarlyPlaces {
  readonly #byOffset = new Map<number, Place>();

  get isEmpty(): boolean {
    return this.#byOffset.size === 0;
  }

  /** False where there are too many: then it has to be read. Own appends are bounded elsewhere, and wait for their answer. */
  add(place: Place): boolean {
    const { arrival, own } = place;
    if (this.#byOffset.size >= MAX_EARLY && own === undefined) return false;
    this.#byOffset.set(arrival.offset, place);
    return true;
  }

  take(offset: number): Place | undefined {
    if (this.isEmpty) return undefined;
    const place = this.#byOffset.get(offset);
    if (place !== undefined) this.#byOffset.delete(offset);
    return place;
  }

  /** All, in their order. */
  takeAll(): Place[] {
    const places = [...this.#byOffset.values()].toSorted((a, b) => a.arrival.offset - b.arrival.offset);
    this.clear();
    return places;
  }

  clear(): void {
    this.#byOffset.clear();
  }
}
