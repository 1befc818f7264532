import type { LogSubscription } from '../../infra/log/delivery-log.ts';
import { RoundRobin } from '../../infra/round-robin.ts';
import { HubClosedError } from '../../infra/errors.ts';
import type { HubServices } from './hub-services.ts';
import { ThreadActor } from '../thread/thread.ts';
import type { Task } from '../support/slice-scheduler.ts';
import type { MaybePromise } from '../../api/message.ts';

/** Threads that one sweep looks at. */
const SWEPT_AT_ONCE = 10_000;

/** Threads between two looks at the clock: a look at one of them costs next to nothing, or twenty microseconds where its time is up. */
const VISITS_PER_LOOK = 16;

/** The threads that are open: opened when somebody needs them, forgotten when they have closed. */
export class ThreadRegistry implements Task {
  readonly #services: () => HubServices;
  readonly #byId = new Map<string, ThreadActor>();
  readonly #opening = new Map<string, Promise<ThreadActor>>();
  readonly #sweeps = new RoundRobin(this.#byId);
  #isClosed = false;
  /** Those that this sweep has still to look at. */
  #left = 0;

  constructor(services: () => HubServices) {
    this.#services = services;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Token streams under way in all of them. */
  get streams(): number {
    let count = 0;
    for (const { streams } of this.#byId.values()) count += streams?.size ?? 0;
    return count;
  }

  get all(): Iterable<ThreadActor> {
    return this.#byId.values();
  }

  get(threadId: string): ThreadActor | undefined {
    return this.#byId.get(threadId);
  }

  /** At once where the log answers at once. @throws HubClosedError */
  open(threadId: string): MaybePromise<ThreadActor> {
    const known = this.#byId.get(threadId) ?? this.#opening.get(threadId);
    if (known !== undefined) return known;
    const services = this.#services();
    services.assertRunning('open a thread');
    let thread: ThreadActor | undefined;
    const log = services.settings.log.subscribe(
      threadId,
      contained((entry) => thread?.onEntry(entry), services.report),
      contained((message) => thread?.onNodeMessage(message), services.report),
      contained((reset) => thread?.onReset(reset), services.report),
    );
    const open = (subscription: LogSubscription): ThreadActor => {
      thread = new ThreadActor(threadId, services, subscription);
      this.#byId.set(threadId, thread);
      thread.start();
      return thread;
    };
    if (!(log instanceof Promise)) return open(log);
    const opened = (subscription: LogSubscription): ThreadActor => {
      if (!this.#isClosed) return open(subscription);
      subscription.unsubscribe();
      throw new HubClosedError({ state: 'stopped', action: 'open a thread' });
    };
    const opening = log.then(opened).finally(() => this.#opening.delete(threadId));
    this.#opening.set(threadId, opening);
    return opening;
  }

  /** Resolves when the thread takes more sends without piling them up. */
  async whenReady(threadId: string): Promise<void> {
    // sends wait for the opening, and are told where it fails
    const opening = this.#opening.get(threadId)?.catch(() => undefined);
    const thread = this.#byId.get(threadId) ?? (await opening);
    await (thread?.ready() ?? this.#services().serializer.whenFree());
  }

  /** Looks at some of them in the turns' slices: ten thousand may have been deserted together, and are all to be closed. */
  sweep(): void {
    this.#left = SWEPT_AT_ONCE;
    this.#services().scheduler.add(this);
  }

  /** Goes on where the last sweep stopped. */
  run(deadline: number): boolean {
    const { now } = this.#services();
    while (this.#left-- > 0) {
      const thread = this.#sweeps.next();
      if (thread === undefined) return true;
      thread.sweep(now());
      if (this.#left % VISITS_PER_LOOK === 0 && now() >= deadline) return false;
    }
    return true;
  }

  /** Resolves when those are open that are being opened now, and who waits for them has gone on. */
  async opened(): Promise<void> {
    await Promise.allSettled(this.#opening.values());
  }

  /** The hub has ended: what is still being opened is let go. */
  close(): void {
    this.#isClosed = true;
  }

  /** It has closed. */
  forget(threadId: string): void {
    this.#byId.delete(threadId);
  }
}

/** A log calls it, perhaps from its socket's event: what it throws is reported, and must not end the process there. */
function contained<News>(take: (news: News) => void, report: (error: unknown) => void): (news: News) => void {
  return (news) => {
    try {
      take(news);
    } catch (error) {
      report(error);
    }
  };
}
