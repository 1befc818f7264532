import { asError, LogLayoutError, LogUnavailableError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import type { Clock } from '../../../api/clock.ts';

/** The error of a call that could not reach the log. */
export function unavailable(cause: unknown, threadId: string): LogUnavailableError | LogLayoutError {
  if (cause instanceof LogLayoutError) return cause;
  return new LogUnavailableError({ threadId, reason: asError(cause).message, cause });
}

/** Time between two attempts. */
const RETRY_MS = 50;

/** The connections to a log. */
export interface RetrySession {
  readonly isClosed: boolean;
  readonly lastError: Error;
  /** Resolves while the log is connected; rejects when the session is closed. */
  whenUp(): Promise<void>;
}

export interface RetrySettings {
  readonly clock: Clock;
  /** How long a call may go without an answer. */
  readonly appendTimeoutMs: number;
  /** What keeps the log, for messages: `Redis`. */
  readonly keeper: string;
}

/** Asks the log until it has answered, or the time is up. */
export class RetryUntil {
  readonly #session: RetrySession;
  readonly #settings: RetrySettings;
  readonly #isFinal: (error: unknown) => boolean;

  /** @param isFinal whether the log itself refused, and will refuse again */
  constructor(session: RetrySession, settings: RetrySettings, isFinal: (error: unknown) => boolean) {
    this.#session = session;
    this.#settings = settings;
    this.#isFinal = isFinal;
  }

  /**
   * Retries until the work is done or the time is up. The log's own errors are final, unless they pass.
   * @param progressAt when the work last made progress: its time begins again then
   * @throws LogUnavailableError
   */
  async withinDeadline<T>(threadId: string, work: () => Promise<T>, progressAt?: () => number): Promise<T> {
    const { appendTimeoutMs, clock, keeper } = this.#settings;
    const limit = { isReached: false };
    const late = Promise.withResolvers<never>();
    const begunAt = clock.now();
    const check = (): void => {
      const leftMs = Math.max(begunAt, progressAt?.() ?? begunAt) + appendTimeoutMs - clock.now();
      if (leftMs > 0) {
        timer = clock.setTimeout(check, leftMs);
        return;
      }
      limit.isReached = true;
      late.reject(
        new Error(`${keeper} did not answer within ${appendTimeoutMs} ms`, { cause: this.#session.lastError }),
      );
    };
    let timer = clock.setTimeout(check, appendTimeoutMs);
    try {
      return await Promise.race([this.#untilAnswered(work, limit), late.promise]);
    } catch (error) {
      throw unavailable(error, threadId);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  async #untilAnswered<T>(work: () => Promise<T>, limit: { readonly isReached: boolean }): Promise<T> {
    for (;;) {
      await this.#session.whenUp();
      try {
        return await work();
      } catch (error) {
        if (this.#session.isClosed || this.#isFinal(error) || limit.isReached) throw error;
        await pause(this.#settings.clock, RETRY_MS);
      }
    }
  }
}
