import { ThreadcastError } from '../../infra/errors.ts';

/** Codes are ours, and few; an application that makes up its own ones all the time must not fill the memory of who collects them. */
const MAX_CODES = 64;

/** What is not ours has no code that is stable. */
const OTHER = 'other';

/** How often something threw without anybody to catch it, by the code of the error. */
export class ErrorCounts {
  // there from the beginning: a counter that appears with its first error has not risen
  readonly #byCode = new Map([[OTHER, 0]]);

  note(error: unknown): void {
    const own = error instanceof ThreadcastError ? error.code : OTHER;
    const code = this.#byCode.has(own) || this.#byCode.size < MAX_CODES ? own : OTHER;
    this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1);
  }

  get all(): ReadonlyMap<string, number> {
    return this.#byCode;
  }
}
