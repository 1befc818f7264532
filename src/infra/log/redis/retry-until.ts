import { asError, LogLayoutError, LogUnavailableError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import { isFinalReply } from './connections.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';

/** The error of a call that could not reach the log. */
export function unavailable(cause: unknown, threadId: string): LogUnavailableError | LogLayoutError {
  if (cause instanceof LogLayoutError) return cause;
  return new LogUnavailableError({ threadId, reason: asError(cause).message, cause });
}

/** Time between two attempts. */
const RETRY_MS = 50;

/** What it needs of the session. */
type RetrySession = Pick<RedisSession, 'whenUp' | 'isClosed' | 'lastError'>;

/** Asks Redis until it has answered, or the time is up. */
export class RetryUntil {
  readonly #session: RetrySession;
  readonly #settings: RedisLogSettings;

  constructor(session: RetrySession, settings: RedisLogSettings) {
    this.#session = session;
    this.#settings = settings;
  }

  /**
   * Retries until the work is done or the time is up. Redis's own errors are final, unless they pass.
   * @param progressAt when the work last made progress: its time begins again then
   * @throws LogUnavailableError
   */
  async withinDeadline<T>(threadId: string, work: () => Promise<T>, progressAt?: () => number): Promise<T> {
    const { appendTimeoutMs, clock } = this.#settings;
    const limit = new AbortController();
    const late = Promise.withResolvers<never>();
    const begunAt = clock.now();
    const check = (): void => {
      const leftMs = Math.max(begunAt, progressAt?.() ?? begunAt) + appendTimeoutMs - clock.now();
      if (leftMs > 0) {
        timer = clock.setTimeout(check, leftMs);
        return;
      }
      limit.abort();
      late.reject(new Error(`Redis did not answer within ${appendTimeoutMs} ms`, { cause: this.#session.lastError }));
    };
    let timer = clock.setTimeout(check, appendTimeoutMs);
    try {
      return await Promise.race([this.#untilAnswered(work, limit.signal), late.promise]);
    } catch (error) {
      throw unavailable(error, threadId);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  async #untilAnswered<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      await this.#session.whenUp();
      try {
        return await work();
      } catch (error) {
        if (this.#session.isClosed || isFinalReply(error) || signal.aborted) throw error;
        await pause(this.#settings.clock, RETRY_MS);
      }
    }
  }
}
