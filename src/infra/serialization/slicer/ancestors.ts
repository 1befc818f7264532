/** Depth from which a set is faster than looking through the list. */
const LIST_DEPTH = 48;

/** The containers that are open right now; meeting one of them again is a cycle. */
export class Ancestors {
  readonly #list: object[] = [];
  #set: Set<object> | undefined;

  has(container: object): boolean {
    return this.#set === undefined ? this.#list.includes(container) : this.#set.has(container);
  }

  push(container: object): void {
    this.#list.push(container);
    if (this.#set !== undefined) this.#set.add(container);
    else if (this.#list.length > LIST_DEPTH) this.#set = new Set(this.#list);
  }

  pop(): void {
    const container = this.#list.pop();
    if (container !== undefined) this.#set?.delete(container);
  }
}
