interface Waiting<Input> {
  /** Undefined while it is being made. */
  input: Input | undefined;
  readonly take: (input: Input) => void;
}

/**
 * Keeps the order within a lane while messages are being serialized. Each waits for its own input and for those before it. A failed one is
 * skipped. All that are ready are taken together, so that they need one visit of the fan-out.
 */
export class LaneQueue<Input extends object> {
  readonly #waiting: Waiting<Input>[] = [];

  /** True while nothing waits: a message that is ready may be handled at once. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Handles `input` when it is ready and all earlier ones have been handed over. It does not wait for the results of `handle`. */
  enqueue<Result>(input: Input | Promise<Input>, handle: (input: Input) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting<Input> = {
        input: input instanceof Promise ? undefined : input,
        take(ready) {
          try {
            resolve(handle(ready));
          } catch (error) {
            reject(error);
          }
        },
      };
      this.#waiting.push(waiting);
      if (!(input instanceof Promise)) return;
      input.then(
        (ready) => {
          waiting.input = ready;
          this.#advance();
        },
        (error: unknown) => {
          this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
          reject(error);
          this.#advance();
        },
      );
    });
  }

  #advance(): void {
    for (let next = this.#waiting[0]; next?.input !== undefined; next = this.#waiting[0]) {
      this.#waiting.shift();
      next.take(next.input);
    }
  }
}
