import type { Clock, TimerHandle } from '../../../api/clock.ts';
import { asError, LogUnavailableError } from '../../errors.ts';

/** How long a reconnect may take before it is reported. */
const GRACE_MS = 1_000;

/** Whether the log is reachable, and the listeners to that. */
export class Availability {
  readonly #clock: Clock;
  readonly #lastError: () => Error;
  readonly #watchers = new Set<(error: Error | undefined) => void>();
  #lost: Error | undefined;
  #grace: TimerHandle;
  #isClosed = false;

  constructor(clock: Clock, lastError: () => Error) {
    this.#clock = clock;
    this.#lastError = lastError;
  }

  watch(onChange: (error: Error | undefined) => void): void {
    this.#watchers.add(onChange);
    if (this.#lost !== undefined) onChange(this.#lost);
  }

  lost(): void {
    if (this.#isClosed) return;
    this.#grace ??= this.#clock.setTimeout(() => {
      const cause = this.#lastError();
      this.#announce(new LogUnavailableError({ reason: cause.message, cause }));
    }, GRACE_MS);
  }

  found(): void {
    this.#clock.clearTimeout(this.#grace);
    this.#grace = undefined;
    this.#announce(undefined);
  }

  /** The log must not be used, whether it was reachable before or not: a warning of the process says so as well. */
  refused(error: Error): void {
    this.#clock.clearTimeout(this.#grace);
    process.emitWarning(error);
    this.#lost = undefined;
    this.#announce(error);
    this.close();
  }

  /** Reports nothing from now on. */
  close(): void {
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#grace);
  }

  #announce(error: Error | undefined): void {
    if (this.#isClosed || (error === undefined) === (this.#lost === undefined)) return;
    this.#lost = error;
    for (const onChange of this.#watchers) {
      try {
        onChange(error);
      } catch (thrown) {
        process.emitWarning(asError(thrown));
      }
    }
  }
}
