/** A promise that knows whether anything waits for it: a rejection that is handled needs no event. */
export class HeardPromise<T> extends Promise<T> {
  #isHeard = false;

  /** What follows it is an ordinary promise, which is its caller's. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // `await` comes here too, because this is a class of its own
  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  override then<Result = T, Failure = never>(
    onFulfilled?: ((value: T) => Result | PromiseLike<Result>) | null,
    onRejected?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Result | Failure> {
    this.#isHeard = true;
    return super.then(onFulfilled, onRejected);
  }

  /** Calls back with the reason if it rejects and nothing waits for it. The rejection counts as handled. */
  ifUnheard(report: (reason: unknown) => void): void {
    void super.then(undefined, (reason: unknown) => {
      if (!this.#isHeard) report(reason);
    });
  }
}
