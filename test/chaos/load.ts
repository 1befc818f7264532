/** Does one thing after the other until it is stopped. */
export abstract class Load {
  #stoppingSince = Infinity;
  #done: Promise<void> | undefined;

  /** @param n 0 for the first time */
  protected abstract act(n: number): Promise<void>;

  start(): this {
    this.#done = this.#run();
    return this;
  }

  /** Resolves when the last one is done. */
  async stop(): Promise<void> {
    this.#stoppingSince = performance.now();
    await this.#done;
  }

  /** How long it has been stopping. */
  protected get stoppingMs(): number {
    return performance.now() - this.#stoppingSince;
  }

  async #run(): Promise<void> {
    for (let n = 0; this.#stoppingSince === Infinity; n++) await this.act(n);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
