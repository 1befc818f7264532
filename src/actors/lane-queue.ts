/**
 * Order within a lane while messages are being serialized: each task waits for its own input and for the tasks before it. A
 * task that fails is skipped, those behind it go on.
 */
export class LaneQueue {
  #last: Promise<unknown> | undefined;

  /** True while nothing waits: a message that is ready may be handled at once. */
  get isIdle(): boolean {
    return this.#last === undefined;
  }

  /** Handles `input` when it is there and all earlier ones have been handled. */
  enqueue<Input, Result>(input: Promise<Input>, handle: (input: Input) => Result | Promise<Result>): Promise<Result> {
    const before = this.#last;
    const result = (async () => {
      // the input's failure must not wait for others, and is nobody's unhandled rejection meanwhile
      const ready = await input;
      await before;
      return handle(ready);
    })();
    const settled: Promise<unknown> = Promise.allSettled([before, result]).then(() => {
      if (this.#last === settled) this.#last = undefined;
    });
    this.#last = settled;
    return result;
  }

  /** Resolves when all that has been enqueued so far is done, well or not. */
  async whenIdle(): Promise<void> {
    while (this.#last !== undefined) await this.#last;
  }
}
