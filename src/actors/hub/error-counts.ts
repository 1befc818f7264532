import { ThreadcastError } from '../../infra/errors.ts';

/** Our own codes are few. An application that invents ever new codes must not fill the memory of the metrics backend. */
const MAX_CODES = 64;

/** Errors of other libraries have no stable code. */
const OTHER = 'other';

/** How often an error was reported that no caller could catch, by code. */
export class ErrorCounts {
  // present from the beginning: a counter that appears with its first error has not risen
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
