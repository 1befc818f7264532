import { asError, LogLayoutError, LogUnavailableError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import type { Clock, TimerHandle } from '../../../api/clock.ts';

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

/** A call that waits for the log. */
interface Waiting {
  readonly threadId: string;
  readonly begunAt: number;
  /** When the work last made progress: its time begins again then. */
  readonly progressAt: (() => number) | undefined;
  readonly reject: (error: Error) => void;
  isLate: boolean;
  /** Of its own, once it has made progress. */
  timer: TimerHandle;
}

/** Asks the log until it has answered, or the time is up. */
export class RetryUntil {
  readonly #session: RetrySession;
  readonly #settings: RetrySettings;
  readonly #isFinal: (error: unknown) => boolean;
  /** Those without progress, oldest first. They share a timer: a client joins thousands of threads at once. */
  readonly #waiting = new Set<Waiting>();
  #timer: TimerHandle;

  /** @param isFinal whether the log itself refused, and will refuse again */
  constructor(session: RetrySession, settings: RetrySettings, isFinal: (error: unknown) => boolean) {
    this.#session = session;
    this.#settings = settings;
    this.#isFinal = isFinal;
  }

  /**
   * Retries until the work is done or the time is up. The log's own errors are final, unless they pass.
   * @param progressAt when the work last made progress: its time begins again then
   * @param begunAt when the caller began to wait; now, if it has just asked
   * @throws LogUnavailableError
   */
  withinDeadline<T>(threadId: string, work: () => Promise<T>, progressAt?: () => number, begunAt?: number): Promise<T> {
    const { clock, appendTimeoutMs } = this.#settings;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const now = clock.now();
    const waiting: Waiting = { threadId, begunAt: begunAt ?? now, progressAt, reject, isLate: false, timer: undefined };
    if (begunAt === undefined) {
      this.#waiting.add(waiting);
      this.#timer ??= clock.setTimeout(this.#checkAll, appendTimeoutMs);
    } else {
      waiting.timer = clock.setTimeout(() => this.#check(waiting), begunAt + appendTimeoutMs - now);
    }
    this.#untilAnswered(work, waiting).then(
      (answer) => {
        this.#end(waiting);
        resolve(answer);
      },
      (error: unknown) => {
        this.#end(waiting);
        reject(unavailable(error, threadId));
      },
    );
    return promise;
  }

  /**
   * As `withinDeadline`, of work that may have nothing to do, and is begun at once to find out. Each further attempt begins anew.
   * @returns undefined if there is nothing to do
   */
  begun(threadId: string, work: () => Promise<void> | undefined, progressAt: () => number): Promise<void> | undefined {
    let first = work();
    if (first === undefined) return undefined;
    // without connections it fails before anything waits for it
    first.catch(() => {});
    const attempt = async (): Promise<void> => {
      const now = first ?? work();
      first = undefined;
      await now;
    };
    return this.withinDeadline(threadId, attempt, progressAt);
  }

  #end(waiting: Waiting): void {
    const { clock } = this.#settings;
    clock.clearTimeout(waiting.timer);
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0) return;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #checkAll = (): void => {
    const { clock, appendTimeoutMs } = this.#settings;
    this.#timer = undefined;
    const now = clock.now();
    for (const waiting of this.#waiting) {
      const leftMs = waiting.begunAt + appendTimeoutMs - now;
      if (leftMs > 0) {
        this.#timer = clock.setTimeout(this.#checkAll, leftMs);
        return;
      }
      this.#waiting.delete(waiting);
      this.#check(waiting);
    }
  };

  #check(waiting: Waiting): void {
    const { clock, appendTimeoutMs, keeper } = this.#settings;
    const { begunAt, progressAt, reject, threadId } = waiting;
    const leftMs = Math.max(begunAt, progressAt?.() ?? begunAt) + appendTimeoutMs - clock.now();
    if (leftMs > 0) {
      waiting.timer = clock.setTimeout(() => this.#check(waiting), leftMs);
      return;
    }
    waiting.isLate = true;
    const late = new Error(`${keeper} did not answer within ${appendTimeoutMs} ms`, { cause: this.#session.lastError });
    reject(unavailable(late, threadId));
  }

  async #untilAnswered<T>(work: () => Promise<T>, waiting: Waiting): Promise<T> {
    for (;;) {
      await this.#session.whenUp();
      try {
        return await work();
      } catch (error) {
        if (this.#session.isClosed || this.#isFinal(error) || waiting.isLate) throw error;
        await pause(this.#settings.clock, RETRY_MS);
      }
    }
  }
}
