import type { LogReset, LogSubscription } from '../../api/log.ts';
import { isUserThread } from '../../infra/log/ids.ts';
import { RoundRobin } from '../../infra/round-robin.ts';
import { HubClosedError } from '../../infra/errors.ts';
import { guarded } from '../support/emitter.ts';
import { ThreadActor } from '../thread/thread.ts';
import type { ThreadPort } from '../thread/thread-port.ts';
import { ThreadSends } from '../thread/thread-sends.ts';
import type { ThreadServices } from '../thread/thread-services.ts';
import { launchThread, providedThread } from './machine-effects.ts';
import { ThreadNews, type NewsHost } from './thread-news.ts';
import type { Connection } from '../../api/connection.ts';
import type { StreamInProgress } from '../../api/stream.ts';
import type { ThreadStats } from '../../api/thread.ts';
import type { Task } from '../support/slice-scheduler.ts';
import type { MaybePromise } from '../../api/message.ts';

/** Threads that one sweep looks at. */
const SWEPT_AT_ONCE = 10_000;

/** Threads between two looks at the clock. A look at one costs next to nothing, or twenty microseconds if its time is up. */
const VISITS_PER_LOOK = 16;

const CLOSED_THREAD: ThreadStats = { state: 'closed', members: 0, behind: 0, lag: 0, values: 0, head: 0 };

/** What threads need from the hub besides the registry itself. */
type SharedServices = Omit<ThreadServices, 'machine' | 'forgetThread'>;

/** The open threads: the hub opens a thread when it is needed, and forgets it when it has closed. */
export class ThreadRegistry implements Task, ThreadPort {
  readonly isPatient = true;
  readonly #services: ThreadServices;
  readonly #news: NewsHost;
  readonly #connection: (id: string) => Connection | undefined;
  readonly #byId = new Map<string, ThreadActor>();
  readonly #opening = new Map<string, Promise<ThreadActor>>();
  /** Sends in progress to threads that are not open. */
  readonly #sends = new Map<string, ThreadSends>();
  readonly #sweeps = new RoundRobin(this.#byId);
  #isClosed = false;
  /** Threads that this sweep has still to look at. */
  #left = 0;

  /** @param connection by its id */
  constructor(services: SharedServices, connection: (id: string) => Connection | undefined) {
    this.#services = {
      ...services,
      machine: providedThread,
      launch: launchThread(services.launch, (threadId) => this.#byId.get(threadId)),
      forgetThread: (threadId) => void this.#byId.delete(threadId),
    };
    this.#connection = connection;
    this.#news = {
      onNotice: (entry) => this.#services.notices.onNotice(entry),
      onReset: (threadId, reset) => this.#onReset(threadId, reset),
      report: services.report,
    };
  }

  get size(): number {
    return this.#byId.size;
  }

  get all(): Iterable<ThreadActor> {
    return this.#byId.values();
  }

  /** Sends in progress to threads that are not open. */
  get sends(): Iterable<ThreadSends> {
    return this.#sends.values();
  }

  get(threadId: string): ThreadActor | undefined {
    return this.#byId.get(threadId);
  }

  /** Synchronous if the log answers at once. @throws HubClosedError */
  open(threadId: string): MaybePromise<ThreadActor> {
    const known = this.#byId.get(threadId) ?? this.#opening.get(threadId);
    if (known !== undefined) return known;
    const services = this.#services;
    services.status.assertRunning('open a thread');
    const news = new ThreadNews(threadId, this.#news);
    const log = services.settings.log.subscribe(threadId, news.onEntry, news.onNodeMessage, news.onReset);
    const open = (subscription: LogSubscription): ThreadActor => {
      const thread = new ThreadActor(threadId, services, subscription, this.#sendsTo(threadId));
      news.thread = thread;
      this.#sends.delete(threadId);
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
    const opening = log.then(
      (subscription) => {
        this.#opening.delete(threadId);
        return opened(subscription);
      },
      (error: unknown) => {
        this.#opening.delete(threadId);
        throw error;
      },
    );
    this.#opening.set(threadId, opening);
    return opening;
  }

  /** @throws HubClosedError */
  sender(threadId: string): MaybePromise<ThreadActor | ThreadSends> {
    const known = this.#byId.get(threadId) ?? this.#opening.get(threadId);
    if (known !== undefined) return known;
    const { settings, status } = this.#services;
    if (settings.log.appendsUnread !== true) return this.open(threadId);
    status.assertRunning('send');
    const sends = this.#sendsTo(threadId);
    this.#sends.set(threadId, sends);
    return sends;
  }

  #sendsTo(threadId: string): ThreadSends {
    return this.#sends.get(threadId) ?? new ThreadSends(threadId, this.#services, this.#onIdle);
  }

  readonly #onIdle = (sends: ThreadSends): void => {
    if (this.#sends.get(sends.id) === sends) this.#sends.delete(sends.id);
  };

  #onReset(threadId: string, reset: LogReset): void {
    this.#byId.get(threadId)?.onReset(reset);
    if (reset.why === 'trimmed' && isUserThread(threadId)) this.#services.notices.onMissed(this.membersOf(threadId));
    if (reset.why !== 'deleted') return;
    const rest = this.membersOf(threadId).values();
    const leaveSome = (deadline: number): boolean => {
      for (const connection of rest) {
        // all have to leave, whatever one of them throws
        guarded(() => connection.leave(threadId, { reason: 'deleted' }), this.#services.report);
        if (this.#services.now() >= deadline) return false;
      }
      return true;
    };
    this.#services.scheduler.add({ run: leaveSome });
  }

  membersOf(threadId: string): readonly Connection[] {
    const members = [...(this.#byId.get(threadId)?.members ?? [])];
    return members.flatMap(({ subscriber }) => this.#connection(subscriber.id) ?? []);
  }

  usersOf(threadId: string): Promise<readonly string[]> {
    return this.#services.users.of(threadId);
  }

  streamsOf(threadId: string): readonly StreamInProgress[] {
    return this.#byId.get(threadId)?.streams?.inProgress ?? [];
  }

  statsOf(threadId: string): ThreadStats {
    return this.#byId.get(threadId)?.stats ?? CLOSED_THREAD;
  }

  /** Resolves when the thread accepts more sends without piling them up. */
  async whenReady(threadId: string): Promise<void> {
    // sends wait for the opening, and fail with it
    const opening = this.#opening.get(threadId)?.catch(() => undefined);
    const thread = this.#byId.get(threadId) ?? (await opening);
    const sends = thread?.sends ?? this.#sends.get(threadId);
    await (sends?.ready() ?? this.#services.serializer.whenFree());
  }

  /** Looks at some of them in slices of the scheduler: ten thousand may have become unused together, and all have to be closed. */
  sweep(): void {
    this.#left = SWEPT_AT_ONCE;
    this.#services.scheduler.add(this);
  }

  hasRoomFor(threadId: string): boolean {
    if (this.#byId.has(threadId) || this.#opening.has(threadId)) return true;
    return this.#byId.size + this.#opening.size < this.#services.settings.input.maxThreads;
  }

  /** Half of the threads that clients may have are open: those without members are not kept for long. */
  get #isCrowded(): boolean {
    return this.#byId.size > this.#services.settings.input.maxThreads / 2;
  }

  /** Continues where the last sweep stopped. */
  run(deadline: number): boolean {
    const { now } = this.#services;
    while (this.#left-- > 0) {
      const thread = this.#sweeps.next();
      if (thread === undefined) return true;
      thread.sweep(now(), this.#isCrowded);
      if (this.#left % VISITS_PER_LOOK === 0 && now() >= deadline) return false;
    }
    return true;
  }

  /** Resolves when the threads that are now being opened are open, and their callers have continued. */
  async opened(): Promise<void> {
    await Promise.allSettled(this.#opening.values());
  }

  /** The hub has ended: threads that are still being opened are dropped, and sends that are not in the log yet are refused. */
  close(): void {
    this.#isClosed = true;
    for (const sends of this.#sends.values()) sends.close();
  }
}
