import type { Entry } from '../../../api/entry.ts';
import type { LogReset, LogSubscription, LogTail, Position } from '../../../api/log.ts';
import type { RetryUntil } from '../shared/retry-until.ts';
import type { SharedTail } from '../shared/tail.ts';
import type { RedisThread, ThreadReader } from './thread.ts';

/** What a subscriber of the log has given. */
export type ThreadListener = Pick<ThreadReader, 'onEntry' | 'onNodeMessage' | 'onReset'>;

/** A reader of a thread, and its hold on the thread's tail. */
export class ThreadSubscription implements ThreadReader, LogSubscription {
  readonly onEntry: (entry: Entry) => void;
  readonly onNodeMessage: (message: string) => void;
  readonly onReset: (reset: LogReset) => void;
  heldAfter = Infinity;
  /** See `LogSubscription`; `Openings` finds it out. */
  isAlone = false;
  readonly #thread: RedisThread;
  readonly #tail: SharedTail;
  readonly #retryUntil: RetryUntil;
  readonly #begunAt: number;

  constructor(thread: RedisThread, { onEntry, onNodeMessage, onReset }: ThreadListener, retryUntil: RetryUntil) {
    this.onEntry = onEntry;
    this.onNodeMessage = onNodeMessage;
    this.onReset = onReset;
    this.#thread = thread;
    this.#retryUntil = retryUntil;
    this.#begunAt = thread.settings.clock.now();
    this.#tail = thread.add(this);
  }

  get tail(): LogTail {
    return this.#tail.buffer;
  }

  /** The tail has Redis's position. */
  get isOpen(): boolean {
    return this.#tail.isReady;
  }

  /** Resolves with this when the tail has Redis's position. A subscription that fails has ended. */
  async opened(): Promise<this> {
    try {
      const hasWaited = this.#thread.settings.clock.now() > this.#begunAt;
      await this.#withinDeadline(() => this.#thread.opened(this.#tail), hasWaited ? this.#begunAt : undefined);
      return this;
    } catch (error) {
      this.unsubscribe();
      throw error;
    }
  }

  reach(from: Position | 'start'): Promise<void> | undefined {
    const { threadId, source } = this.#thread;
    return this.#retryUntil.begun(
      threadId,
      () => this.#tail.reach(from),
      () => source.progressAt,
    );
  }

  hold(offset: number): void {
    this.#thread.hold(this, offset);
  }

  unsubscribe(): void {
    this.#thread.leave(this);
  }

  #withinDeadline(work: () => Promise<void>, begunAt?: number): Promise<void> {
    const { threadId, source } = this.#thread;
    return this.#retryUntil.withinDeadline(threadId, work, () => source.progressAt, begunAt);
  }
}
