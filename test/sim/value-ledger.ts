/** Which values the log was given, and in which order. */
export class ValueLedger {
  /** By thread, key and value: its places in the order of all changes; a client that has no answer sets it again. */
  readonly #places = new Map<string, number[]>();
  #changes = 0;
  /** The values that a thread has now. */
  now: (threadId: string) => ReadonlyMap<string, string> = () => new Map();

  wasSet(threadId: string, key: string, json: string): void {
    const name = `${threadId} ${key} ${json}`;
    this.#places.set(name, [...(this.#places.get(name) ?? []), ++this.#changes]);
  }

  /** The first place from this one on where the key was given the value; undefined where it was not. */
  placeFrom(from: number, threadId: string, key: string, json: string): number | undefined {
    return this.#places.get(`${threadId} ${key} ${json}`)?.find((place) => place >= from);
  }
}
