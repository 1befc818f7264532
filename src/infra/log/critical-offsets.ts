import { countUpTo } from '../sorted-search.ts';

/** Offsets of the critical entries that one thread holds, ascending. */
export class CriticalOffsets {
  #offsets: number[] = [];

  /** The first offset after `offset`. */
  after(offset: number): number | undefined {
    return this.#offsets[countUpTo(this.#offsets, offset)];
  }

  countAfter(offset: number): number {
    return this.#offsets.length - countUpTo(this.#offsets, offset);
  }

  /** @param offset above all others */
  add(offset: number): void {
    this.#offsets.push(offset);
  }

  /** @param offsets below all others, ascending */
  prepend(offsets: readonly number[]): void {
    if (offsets.length > 0) this.#offsets = [...offsets, ...this.#offsets];
  }

  delete(offset: number): void {
    const index = countUpTo(this.#offsets, offset - 1);
    if (this.#offsets[index] === offset) this.#offsets.splice(index, 1);
  }

  dropBefore(offset: number): void {
    const [oldest] = this.#offsets;
    if (oldest === undefined || oldest >= offset) return;
    this.#offsets = this.#offsets.slice(countUpTo(this.#offsets, offset - 1));
  }

  dropAfter(offset: number): void {
    this.#offsets.length = countUpTo(this.#offsets, offset);
  }

  clear(): void {
    this.#offsets = [];
  }
}
