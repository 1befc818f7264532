interface Waiting<Input> {
  /** Undefined while it is being made. */
  input: Input | undefined;
  readonly take: (input: Input) => void;
}

/**
 * Order within a lane while messages are being serialized: each waits for its own input and for those before it to be taken. One that
 * fails is skipped. All that are ready are taken in one go, so that they are one visit of the pump and not one each.
 */
export class LaneQueue<Input extends object> {
  readonly #waiting: Waiting<Input>[] = [];

  /** True while nothing waits: a message that is ready may be handled at once. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Handles `input` when it is there and all earlier ones have been handed over; nobody waits for what that leads to. */
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
