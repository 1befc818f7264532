/** One catch-up of a tail: asks the log until it has answered. */
export interface CatchUp {
  readonly done: Promise<void>;
  /** Resolves after the first attempt, successful or not. */
  readonly tried: Promise<void>;
  /** The log must be asked once more: something happened meanwhile that the answer may not include. */
  isAnotherWanted: boolean;
}

/** That of a tail which has no reader any more. */
export const ENDED: CatchUp = { done: Promise.resolve(), tried: Promise.resolve(), isAnotherWanted: false };

/** One in progress. Its promises are there only where something waits for them: a node opens thousands of threads together. */
export class CatchUpRun implements CatchUp {
  isAnotherWanted = false;
  readonly #tried = new LazySignal();
  readonly #done = new LazySignal();

  get done(): Promise<void> {
    return this.#done.promise;
  }

  get tried(): Promise<void> {
    return this.#tried.promise;
  }

  /** An attempt is over. */
  attempted(): void {
    this.#tried.give();
  }

  /** The log has answered, or the tail has ended. */
  end(): void {
    this.#tried.give();
    this.#done.give();
  }
}

/** Something that happens once, as a promise if that is wanted. */
class LazySignal {
  #isGiven = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  get promise(): Promise<void> {
    this.#waiting ??= Promise.withResolvers();
    if (this.#isGiven) this.#waiting.resolve();
    return this.#waiting.promise;
  }

  give(): void {
    this.#isGiven = true;
    this.#waiting?.resolve();
  }
}
