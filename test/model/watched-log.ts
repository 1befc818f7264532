import type {
  Clock,
  Appended,
  DeliveryLog,
  Entry,
  EntryDraft,
  LogSubscription,
  MaybePromise,
} from '../../src/index.ts';
import { releaseDraft } from '../../src/infra/log/entry.ts';
import { LocalDeliveries } from '../../src/infra/log/redis/local-deliveries.ts';

type Position = Awaited<ReturnType<DeliveryLog['position']>>;

export interface LogWatch {
  /** The message goes to this process's members alone, because the log is lost. */
  onLocal(draft: EntryDraft): void;
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
  readonly #local: LocalDeliveries;
  /** Sends on their way that will be delivered locally. */
  readonly #pending = new Map<string, Promise<Appended>>();
  #isClosed = false;
  /** A remote one cannot be reached, and delivers locally. */
  isLost = false;

  constructor(log: DeliveryLog, watch: LogWatch, isRemote: boolean, clock: Clock) {
    this.#local = new LocalDeliveries({ clock, idempotencyMs: Infinity });
    this.#log = log;
    this.#watch = watch;
    this.#isRemote = isRemote;
  }

  append(draft: EntryDraft): MaybePromise<Appended> {
    if (this.isLost && this.#isRemote) return this.#deliverLocally(draft);
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

  readBefore(...args: Parameters<DeliveryLog['readBefore']>): ReturnType<DeliveryLog['readBefore']> {
    return this.#answer(() => local(this.#log.readBefore(...args)));
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

  /** As the log in Redis does. */
  #deliverLocally(draft: EntryDraft): Promise<Appended> {
    const key = `${draft.threadId} ${draft.id}`;
    const twin = this.#pending.get(key);
    this.#watch.onLocal(draft);
    if (twin !== undefined) {
      releaseDraft(draft);
      return twin.then(({ entry }) => ({ entry, isDuplicate: true }));
    }
    const delivered = later().then(() => {
      this.#pending.delete(key);
      return this.#local.deliver(draft);
    });
    this.#pending.set(key, delivered);
    return delivered;
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
