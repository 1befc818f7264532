/** Counts what has been begun and is not over, for those who wait until it is less. */
export class InFlight {
  #count = 0;
  #waiting: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when one is over. */
  next(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }
}
