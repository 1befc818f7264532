/**
 * Lets somebody wait for a condition without polling: whoever changes something says so, and the conditions are looked at
 * again.
 */
export class Waiting {
  readonly #looks = new Set<() => void>();

  /** Something has changed. */
  changed(): void {
    for (const look of this.#looks) look();
  }

  /** Resolves to true once `isDone`, to false when the time is up or the signal has fired. */
  until(isDone: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#looks.delete(look);
        signal.removeEventListener('abort', end);
        resolve(isDone());
      };
      const look = (): void => {
        if (isDone()) end();
      };
      const timer = setTimeout(end, timeoutMs);
      this.#looks.add(look);
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
      else look();
    });
  }
}
