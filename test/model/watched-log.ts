import type { Appended, DeliveryLog, Entry, EntryDraft, LogSubscription, MaybePromise } from '../../src/index.ts';

type Position = Awaited<ReturnType<DeliveryLog['position']>>;

export interface LogWatch {
  onAppend(draft: EntryDraft, appended: Appended, epoch: string): void;
  onEpoch(threadId: string, epoch: string): void;
  /** Nothing after this offset is trimmed. */
  onHold(threadId: string, offset: number): void;
  onSweep(): void;
}

/** A log whose appends are reported as they happen; a remote one answers with promises, some time later. */
export class WatchedLog implements DeliveryLog {
  readonly #log: DeliveryLog;
  readonly #watch: LogWatch;
  readonly #isRemote: boolean;
  #isClosed = false;

  constructor(log: DeliveryLog, watch: LogWatch, isRemote: boolean) {
    this.#log = log;
    this.#watch = watch;
    this.#isRemote = isRemote;
  }

  append(draft: EntryDraft): MaybePromise<Appended> {
    return this.#answer(() => {
      if (this.#isClosed) {
        draft.body.release();
        throw new Error('log is closed');
      }
      const appended = local(this.#log.append(draft));
      this.#watch.onAppend(draft, appended, local(this.#log.position(draft.threadId)).epoch);
      return appended;
    });
  }

  readAfter(threadId: string, offset: number, limit: number): MaybePromise<readonly Entry[]> {
    return this.#answer(() => local(this.#log.readAfter(threadId, offset, limit)));
  }

  position(threadId: string): MaybePromise<Position> {
    return this.#answer(() => local(this.#log.position(threadId)));
  }

  subscribe(...args: Parameters<DeliveryLog['subscribe']>): MaybePromise<LogSubscription> {
    const [threadId] = args;
    return this.#answer(() => {
      const subscription = local(this.#log.subscribe(...args));
      this.#watch.onEpoch(threadId, subscription.tail.epoch);
      return {
        tail: subscription.tail,
        hold: (offset) => {
          subscription.hold(offset);
          this.#watch.onHold(threadId, offset);
        },
        unsubscribe: () => {
          subscription.unsubscribe();
          this.#watch.onHold(threadId, Infinity);
        },
      };
    });
  }

  sweep(): void {
    this.#log.sweep();
    this.#watch.onSweep();
  }

  close(): MaybePromise<void> {
    this.#isClosed = true;
    return this.#log.close();
  }

  #answer<T>(act: () => T): MaybePromise<T> {
    return this.#isRemote ? later().then(act) : act();
  }
}

async function later(): Promise<void> {
  for (let i = 0; i < 3; i++) await Promise.resolve();
}

function local<T>(answer: MaybePromise<T>): T {
  if (answer instanceof Promise) throw new TypeError('the log in memory answers at once');
  return answer;
}
