/**
 * Visits the items of a Map or a Set again and again, each call from where the last one stopped. It sees what was added and deleted
 * meanwhile, and never copies the collection.
 */
export class RoundRobin<T extends object> {
  readonly #items: { values(): Iterator<T> };
  #rest: Iterator<T> | undefined;

  constructor(items: { values(): Iterator<T> }) {
    this.#items = items;
  }

  /** The next item. Undefined once after the last of a round: the call after that begins the next round. */
  next(): T | undefined {
    const { done, value } = (this.#rest ??= this.#items.values()).next();
    if (done !== true) return value;
    this.#rest = undefined;
    return undefined;
  }

  /** As `next`, but goes on with the first item after the last. Undefined only where there are no items. */
  cycle(): T | undefined {
    return this.next() ?? this.next();
  }

  /** The next call begins a round. */
  restart(): void {
    this.#rest = undefined;
  }
}
