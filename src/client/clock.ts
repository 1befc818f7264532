/** Time for the whole client; injected in tests. */
export interface ClientClock {
  /** Milliseconds since a fixed point; never goes back. */
  now(): number;
  /** Returns a handle that only this clock understands. */
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** The monotonic clock of the browser or of Node, whose handles are numbers, or become one. */
export const systemClock: ClientClock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (handle) => clearTimeout(Number(handle)),
};

/** One timer that can be set again: a later `set` replaces an earlier one. */
export class Timer {
  readonly #clock: ClientClock;
  #handle: unknown;
  /** For others to read. */
  isSet = false;

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  set(delayMs: number, callback: () => void): void {
    this.clear();
    this.isSet = true;
    this.#handle = this.#clock.setTimeout(() => {
      this.isSet = false;
      callback();
    }, delayMs);
  }

  clear(): void {
    if (this.isSet) this.#clock.clearTimeout(this.#handle);
    this.isSet = false;
  }
}
