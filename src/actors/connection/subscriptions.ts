import { TooManyThreadsError } from '../../infra/errors.ts';
import { formatPosition, isOwnThreadId, parsePosition } from '../../infra/log/ids.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { ConnectionServices } from './connection-services.ts';
import { onceKnown } from '../support/once-known.ts';
import type { JoinPlan } from '../thread/join-plan.ts';
import type { JoinRequest } from '../thread/join-request.ts';
import { LeftThreads } from './left-threads.ts';
import { PendingJoins, type PendingJoin } from './pending-joins.ts';
import { CatchUp } from './catch-up.ts';
import { notices } from './wire-protocol.ts';
import type { ThreadActor } from '../thread/thread.ts';
import type { Subscriber } from '../delivery/subscriber.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { Connection } from '../../api/connection.ts';
import type { LeaveReason } from '../../api/events.ts';
import type { Canceller } from '../../api/stream.ts';

/** The threads of one connection, which it joins and leaves. */
export class Subscriptions extends CatchUp {
  readonly #connection: Connection;
  readonly #subscriber: Subscriber<Subscription>;
  /** How many threads are the library's own. */
  #own = 0;
  /** When the connection last left a thread; undefined if it never did. */
  leftAt: number | undefined;
  /** Undefined if it never left one. */
  #left: LeftThreads | undefined;
  /** Joins that wait for the application or for a shared log; undefined if there are none. */
  #pending: PendingJoins | undefined;
  /** @param connection as the application knows it */
  constructor(
    connection: Connection,
    line: ConnectionLine,
    subscriber: Subscriber<Subscription>,
    services: ConnectionServices,
  ) {
    super(line, services);
    this.#connection = connection;
    this.#subscriber = subscriber;
  }

  /** Whether a client or the application joined a thread; the hub itself joins the library's own threads. */
  get isWanted(): boolean {
    return this.joined > 0;
  }

  /** How many threads it has joined, not counting the library's own. */
  get joined(): number {
    return this.size - this.#own;
  }

  /** Like `get`; returns `joining` between two subscriptions. */
  standing(threadId: string): Subscription | 'joining' | undefined {
    return this.get(threadId) ?? (this.#pending?.has(threadId) === true ? 'joining' : undefined);
  }

  /** The application's join. It does nothing if the connection has left meanwhile, or is already in the thread. */
  async join(threadId: string, from: string | undefined): Promise<void> {
    this.line.assertLive('join');
    if (this.get(threadId) !== undefined) return;
    await this.#whileJoining(threadId, (pending) => this.#enter(pending, from, undefined));
  }

  /**
   * A client's own join. False if the client may not join, or if the application removes it before the join is complete. If the server has
   * already joined for the client, or does so meanwhile, the client's position counts: the client knows what it has, and ignored messages
   * from before its request. If nothing has to be waited for, the join is complete at once: a client comes back to thousands of threads.
   */
  joinIf(
    may: () => MaybePromise<boolean>,
    threadId: string,
    from: string | undefined,
    request?: JoinRequest,
  ): MaybePromise<boolean> {
    return this.#whileJoining(threadId, (pending) =>
      onceKnown(may(), (isAllowed) => {
        if (!isAllowed || !pending.isWanted) return false;
        this.line.assertLive('join');
        if (from !== undefined && from !== 'start') parsePosition(from);
        return this.#rejoin(pending, from, request);
      }),
    );
  }

  /** The application's leave ends the join. */
  #whileJoining(threadId: string, work: (pending: PendingJoin) => MaybePromise<boolean>): MaybePromise<boolean> {
    const all = (this.#pending ??= new PendingJoins());
    const pending = all.begin(threadId);
    let isOver = true;
    try {
      const joined = work(pending);
      if (!(joined instanceof Promise)) return joined;
      isOver = false;
      return joined.then(
        (isIn) => {
          this.#endJoin(all, pending);
          return isIn;
        },
        (error: unknown) => {
          this.#endJoin(all, pending);
          throw error;
        },
      );
    } finally {
      if (isOver) this.#endJoin(all, pending);
    }
  }

  #endJoin(all: PendingJoins, pending: PendingJoin): void {
    all.end(pending);
    if (all.isEmpty && this.#pending === all) this.#pending = undefined;
    if (pending.wasMember) this.#announceLeft(pending.threadId, this.line.state === 'evicted' ? 'closed' : 'failed');
  }

  #rejoin(pending: PendingJoin, from: string | undefined, request: JoinRequest | undefined): MaybePromise<boolean> {
    if (!pending.isWanted) return false;
    const subscription = this.get(pending.threadId);
    if (subscription !== undefined && from === undefined && !subscription.isBehind) {
      this.#greet(subscription, request);
      return true;
    }
    let start = from;
    if (subscription !== undefined) {
      // again from its position: messages that overtook others came before the client had asked
      start ??= formatPosition(subscription.position);
      this.#forget(subscription);
      pending.wasMember = true;
    }
    return onceKnown(this.#enter(pending, start, request), (isIn) => isIn || this.#rejoin(pending, start, request));
  }

  /** False if it was not in the thread. */
  leave(threadId: string, reason: LeaveReason): boolean {
    const wasComingBack = this.#pending?.cancel(threadId) === true;
    const subscription = this.get(threadId);
    if (subscription !== undefined) this.#forget(subscription);
    if (subscription !== undefined || wasComingBack) this.#announceLeft(threadId, reason);
    return subscription !== undefined;
  }

  /** The client may not join, but is in the thread: it gets its position there. */
  greetMember(threadId: string, ref: number | undefined): void {
    const subscription = this.get(threadId);
    if (subscription !== undefined) this.#tellJoined(subscription, ref);
  }

  /** False if the client may not cancel, or is not in the thread. */
  cancelStream(threadId: string, streamId: string, by: Canceller): boolean | Promise<boolean> {
    const subscription = this.get(threadId);
    return subscription !== undefined && (subscription.streams?.cancel(streamId, by) ?? true);
  }

  /** The connection has ended. It may be in forty thousand threads, so most of them are left in slices of the scheduler. */
  leaveAll(): void {
    const rest = this.all();
    const leaveSome = (isEnough: (left: number) => boolean): boolean => {
      for (let left = 1; ; left++) {
        const next = rest.next();
        if (next.done === true) return true;
        this.#forget(next.value);
        this.#announceLeft(next.value.threadId, 'closed');
        if (isEnough(left)) return false;
      }
    };
    if (leaveSome((left) => left >= LEFT_AT_ONCE)) return;
    this.services.scheduler.add({ run: (deadline) => leaveSome(() => this.services.now() >= deadline) });
  }

  /**
   * False if another join was faster, or if this one is no longer wanted. If the log answers at once and the thread is open, the join is
   * complete at once: a message sent right after it reaches the connection.
   */
  #enter(pending: PendingJoin, from: string | undefined, request: JoinRequest | undefined): MaybePromise<boolean> {
    const { threads, settings } = this.services;
    if (request !== undefined && !threads.hasRoomFor(pending.threadId)) {
      throw new TooManyThreadsError({ limit: settings.input.maxThreads });
    }
    return onceKnown(threads.open(pending.threadId), (thread) =>
      onceKnown<void, boolean>(thread.reach(from), () => this.#subscribe(pending, thread, from, request)),
    );
  }

  #subscribe(
    pending: PendingJoin,
    thread: ThreadActor,
    from: string | undefined,
    request: JoinRequest | undefined,
  ): boolean {
    const { threadId } = pending;
    if (!pending.isWanted) return false;
    this.line.assertLive('join');
    if (this.get(threadId) !== undefined) return false;
    const { subscription, plan } = thread.subscribe(this.#subscriber, from, request);
    this.add(subscription);
    if (isOwnThreadId(thread.id)) this.#own++;
    const readTo = this.#left?.take(thread.id, plan.start.epoch) ?? 0;
    if (readTo > 0 && request !== undefined) this.#payFor(subscription, readTo);
    this.#tellJoined(subscription, request?.ref, plan);
    if (plan.gap !== undefined) this.#subscriber.tellGap(thread.id, plan.gap, formatPosition(plan.start));
    if (subscription.isOwed && !subscription.isEnded) this.fellBehind(subscription, this.line.writer.admit('message'));
    if (this.#pending?.entered(thread.id) !== true && !isOwnThreadId(thread.id))
      this.services.membership.joined(this.#connection, thread.id);
    return true;
  }

  #tellJoined(subscription: Subscription, ref: number | undefined, plan?: JoinPlan): void {
    const { threadId, position, streams } = subscription;
    const { start = position, recovered = 0 } = plan ?? {};
    // of streams of chunks, a client without the codec gets the final message
    const ids = streams?.inProgress.flatMap(({ id, codec }) => (codec === undefined ? id : []));
    this.services.answers.gather(this.line.writer);
    this.line.sendNotice(notices.joined(threadId, formatPosition(start), recovered, ref, ids));
  }

  #announceLeft(threadId: string, reason: LeaveReason): void {
    if (!isOwnThreadId(threadId)) this.services.membership.left(this.#connection, threadId, reason);
  }

  /** The client joins a thread that it is in: it is answered with its current position. */
  #greet(subscription: Subscription, request: JoinRequest | undefined): void {
    subscription.tellReset();
    subscription.parts = request?.parts;
    subscription.reading = request?.reading;
    this.#tellJoined(subscription, request?.ref);
    if (request?.values === true) subscription.takeValues();
    subscription.streams?.place(subscription, request?.texts);
    this.#payFor(subscription, 0);
    if (subscription.isOwed) this.fellBehind(subscription, this.line.writer.admit('message'));
  }

  /** A client asks for what it has been given already: messages are paid for as they are written, text of streams now. */
  #payFor(subscription: Subscription, readTo: number): void {
    subscription.rereadTo = readTo;
    const units = subscription.streams?.unitsOwed(subscription) ?? 0;
    if (units > 0) this.#subscriber.rereads(0, units);
  }

  #forget(subscription: Subscription): void {
    this.delete(subscription.threadId);
    // the end of the connection is no such leave
    if (this.line.state !== 'evicted') {
      this.#left ??= new LeftThreads(this.services.settings.input.maxThreadsPerConnection);
      this.#left.note(subscription.threadId, subscription.position.epoch, subscription.readTo);
    }
    if (isOwnThreadId(subscription.threadId)) this.#own--;
    else this.leftAt = this.services.now();
    this.passed(subscription);
    subscription.leave();
  }
}

/** Threads that are left in one go: each takes some ten microseconds. */
const LEFT_AT_ONCE = 64;
