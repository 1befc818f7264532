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
