/** Indexes below this fit into the low digits of a packed key; values up to 2^32 into the high ones. */
const MAX_ITEMS = 2 ** 20;
const LARGEST = 2 ** 32;

/**
 * Orders items by a number. The numbers are packed with their indexes into one array of doubles, which is sorted without a comparator.
 * 10,000 take half a millisecond; sorting objects takes several and would block the event loop.
 */
export class Ranking<T> {
  readonly #isDescending: boolean;
  readonly #items: T[] = [];
  readonly #keys: number[] = [];

  constructor(isDescending: boolean) {
    this.#isDescending = isDescending;
  }

  /** The first 2^20 items are ranked, by whole numbers of 0 to 2^32. */
  add(item: T, value: number): void {
    const index = this.#items.length;
    if (index >= MAX_ITEMS) return;
    const rank = Math.min(LARGEST, Math.max(0, Math.floor(value)));
    this.#items.push(item);
    this.#keys.push((this.#isDescending ? LARGEST - rank : rank) * MAX_ITEMS + index);
  }

  /** Items of the same value stay in the order in which they came, in both directions. */
  sorted(): readonly T[] {
    const sorted: T[] = [];
    for (const key of Float64Array.from(this.#keys).sort()) {
      const item = this.#items[key % MAX_ITEMS];
      if (item !== undefined) sorted.push(item);
    }
    return sorted;
  }
}
