/**
 * Visits the items of a Map or a Set again and again; each call continues where the last one stopped. It sees items added and deleted
 * meanwhile, and never copies the collection.
 */
export class RoundRobin<T extends object> {
  readonly #items: { values(): Iterator<T> };
  #rest: Iterator<T> | undefined;

  constructor(items: { values(): Iterator<T> }) {
    this.#items = items;
  }

  /** The next item. Undefined once after the last item of a round; the next call begins a new round. */
  next(): T | undefined {
    const { done, value } = (this.#rest ??= this.#items.values()).next();
    if (done !== true) return value;
    this.#rest = undefined;
    return undefined;
  }

  /** Like `next`, but continues with the first item after the last. Undefined only if there are no items. */
  cycle(): T | undefined {
    return this.next() ?? this.next();
  }

  /** The next call begins a round. */
  restart(): void {
    this.#rest = undefined;
  }
}
