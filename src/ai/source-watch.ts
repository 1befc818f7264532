import type { Clock } from '../api/clock.ts';
import { AnswerTimeoutError } from '../infra/errors.ts';
import { after } from '../infra/time/after.ts';

/** How long a stopped source has to end by itself. */
const STOP_MS = 3_000;

/** Waits for the source of `run`, which may fall silent, and may not stop when it is asked to. No chunk costs a timer: `tick` looks at the time. */
export class SourceWatch {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** When the source has given something; until then, when it was asked. */
  #heardAt = 0;
  #timeoutMs = Infinity;
  /** Rejects what is waited for. */
  #giveUp: ((error: unknown) => void) | undefined;

  /** @param signal asks the source to stop */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /**
   * What the promise gives, or undefined if it takes longer than a stopped source may.
   * @throws AnswerTimeoutError after its time, give or take a tick
   */
  async unlessStopped<T>(promise: Promise<T>, timeoutMs: number): Promise<{ readonly value: T } | undefined> {
    const signal = this.#signal;
    let cancel = (): void => {};
    const { promise: stopped, resolve, reject } = Promise.withResolvers<undefined>();
    const onAbort = (): void => {
      cancel = after(this.#clock, STOP_MS, () => resolve(undefined));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    this.#heardAt = this.#clock.now();
    this.#timeoutMs = timeoutMs;
    this.#giveUp = reject;
    try {
      return await Promise.race([promise.then((value) => ({ value })), stopped]);
    } finally {
      cancel();
      this.#giveUp = undefined;
      signal.removeEventListener('abort', onAbort);
      promise.catch(() => {});
    }
  }

  /** To be called every few seconds. */
  tick(): void {
    const [callback, timeoutMs] = ['run' as const, this.#timeoutMs];
    if (this.#clock.now() - this.#heardAt >= timeoutMs) this.#giveUp?.(new AnswerTimeoutError({ callback, timeoutMs }));
  }
}
