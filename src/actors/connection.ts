import { assertCloseFrame, closeCodes, type CloseCode } from '../infra/close-codes.ts';
import { dialectOf } from '../infra/dialect.ts';
import type { Entry, Format } from '../infra/entry.ts';
import { asError, ConnectionClosedError } from '../infra/errors.ts';
import type { Frame } from '../infra/frames.ts';
import type { Link, LinkListener } from '../infra/link.ts';
import type { SendOutcome } from '../infra/telemetry.ts';
import type {
  AcceptOptions,
  Connection,
  ConnectionEvents,
  ConnectionState,
  ConnectionStats,
  JoinOptions,
} from './api.ts';
import { ConnectionMachine } from './connection-machine.ts';
import type { Engine } from './engine.ts';
import type { JoinWish } from './join-wish.ts';
import { inTime } from './in-time.ts';
import { guarded, Listeners, type Listener } from './listeners.ts';
import { Memberships, type Member } from './memberships.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';
import { notices } from './protocol.ts';
import type { Receipt } from './receipt.ts';
import { Requests } from './requests.ts';
import type { Run } from './runs.ts';
import type { SendOptions } from './send-options.ts';
import type { GapReason } from './subscriber.ts';
import type { Subscription } from './subscription.ts';
import { userThreadId } from './users.ts';
import { Vitals } from './vitals.ts';

/** Of the messages that a failing connection waits for, how many in each thread are looked at for a trace. */
const TRACED_WAITING = 64;

export interface ConnectionSettings {
  readonly id: string;
  readonly userId: string | undefined;
  /** What the application keeps with it. */
  readonly data: unknown;
  readonly format: Format;
  readonly authorize: (threadId: string) => boolean | Promise<boolean>;
  readonly onPublish: AcceptOptions['onPublish'];
  readonly maxInputBytes: number;
}

/**
 * One socket at work: its machine decides when bytes may flow, its outbox writes them, its subscriptions know which.
 *
 * Ten thousand of them are idle most of the time, so what an idle one does not need is made when it is needed: the listeners and the
 * queue of requests, and also its machine's actor.
 */
export class ConnectionActor implements Connection, Member, LinkListener, OutboxOwner {
  readonly id: string;
  readonly userId: string | undefined;
  readonly data: unknown;
  readonly authorize: (threadId: string) => boolean | Promise<boolean>;
  /** The application's; see `AttachOptions.onPublish`. */
  readonly onPublish: AcceptOptions['onPublish'];
  /** Of one frame of its client's. */
  readonly maxInputBytes: number;
  readonly outbox: Outbox;
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #vitals: Vitals;
  readonly #machine: ConnectionMachine;
  readonly #memberships: Memberships;
  #listeners: Listeners<ConnectionEvents> | undefined;
  #requests: Requests | undefined;
  readonly #acceptedAt: number;
  #probe = 0;
  /** Retries that the messages from before `#openedAt` had to wait for. */
  #retries = 0;
  #openedAt = -Infinity;
  #isLinkClosed = false;

  constructor(makeLink: (listener: LinkListener) => Link, settings: ConnectionSettings, engine: Engine) {
    this.id = settings.id;
    this.userId = settings.userId;
    this.data = settings.data;
    this.authorize = settings.authorize;
    this.onPublish = settings.onPublish;
    this.maxInputBytes = settings.maxInputBytes;
    this.#engine = engine;
    this.#acceptedAt = engine.now();
    this.#machine = new ConnectionMachine(settings.id, engine);
    const { vitals, highWaterMarkBytes } = engine.settings;
    this.#link = makeLink(this);
    const dialect = dialectOf(settings.format, this.#link.deflateWindow);
    this.outbox = new Outbox(this.#link, dialect, highWaterMarkBytes, this);
    this.#vitals = new Vitals(this.#link, vitals, engine.now());
    this.#memberships = new Memberships(this, engine);
  }

  /** Once it is registered. */
  start(): void {
    if (this.#isLinkClosed) {
      // it ended when nobody could find it yet
      const { code, reason } = this.#machine.context.eviction;
      this.terminate(code, reason);
      return;
    }
    const { isInspected, isLogUp, settings } = this.#engine;
    if (isInspected) this.#machine.start();
    else this.openGate();
    const limits = { maxBytes: this.maxInputBytes };
    this.tell(notices.hello(this.id, settings.vitals.heartbeatMs, limits, isLogUp));
  }

  get format(): Format {
    return this.outbox.dialect.format;
  }

  get state(): ConnectionState {
    return this.#machine.state;
  }

  get threads(): readonly string[] {
    return this.#memberships.threads;
  }

  /** How many threads it has joined. */
  get subscriptions(): number {
    return this.#memberships.size;
  }

  get subscriptionsBehind(): Iterable<Subscription> {
    return this.#memberships.subscriptionsBehind;
  }

  /** The socket has not gone yet, perhaps because the peer has not answered our close frame. */
  get isLinkOpen(): boolean {
    return !this.#isLinkClosed;
  }

  /** It has messages to come, or bytes that the kernel has not taken. */
  get isBusy(): boolean {
    const { isUnfinished, unsentBytes } = this.outbox;
    return this.state === 'open' && (this.#memberships.behind > 0 || isUnfinished || unsentBytes > 0);
  }

  /** Bytes that the peer has received for certain. */
  get ackedBytes(): number {
    return this.#vitals.ackedBytes;
  }

  get stats(): ConnectionStats {
    const { path, context } = this.#machine;
    const { attempt, failures, trips } = context;
    const { messages, bytes, unsentBytes } = this.outbox;
    const { behind, lag } = this.#memberships;
    const ageMs = this.#engine.now() - this.#acceptedAt;
    const { roundTripMs } = this.#vitals;
    return { path, ageMs, lag, roundTripMs, messages, bytes, unsentBytes, behind, attempt, failures, trips };
  }

  on<E extends keyof ConnectionEvents>(event: E, listener: Listener<ConnectionEvents[E]>): () => void {
    if (event === 'state') this.#machine.watch((from, to) => this.emit('state', { from, to }));
    this.#listeners ??= new Listeners(this.#engine.report);
    return this.#listeners.on(event, listener);
  }

  /** False where nobody listens. */
  emit<E extends keyof ConnectionEvents>(event: E, news: ConnectionEvents[E]): boolean {
    return this.#listeners?.emit(event, news) ?? false;
  }

  join(threadId: string, { from }: JoinOptions = {}): Promise<void> {
    return this.#memberships.join(threadId, from);
  }

  /** Whether its client may join this thread by itself; its own user's it always may. */
  async mayJoin(threadId: string): Promise<boolean> {
    return (
      (this.userId !== undefined && threadId === userThreadId(this.userId)) ||
      (await inTime('authorize', this.authorize(threadId), this.#engine))
    );
  }

  isIn(threadId: string): boolean {
    return this.#memberships.get(threadId) !== undefined;
  }

  /** Whether its client may publish there: it is in the thread, or could be. */
  async mayPublish(threadId: string): Promise<boolean> {
    return this.isIn(threadId) || (await this.mayJoin(threadId));
  }

  /** The client asks for it; see `Memberships.rejoin`. */
  rejoin(threadId: string, from: string | undefined, wish?: JoinWish): Promise<void> {
    return this.#memberships.rejoin(threadId, from, wish);
  }

  /** The client asks for the end of a token stream; false where it may not. */
  cancelStream(threadId: string, streamId: string): boolean | Promise<boolean> {
    return this.#memberships.cancelStream(threadId, streamId, { connectionId: this.id, userId: this.userId });
  }

  leave(threadId: string): void {
    this.#memberships.leave(threadId);
  }

  /** To this connection alone: a thread of its own, so that everything that holds for a thread holds here too. */
  async send(message: unknown, options?: SendOptions): Promise<Receipt> {
    const threadId = `connection:${this.id}`;
    await this.join(threadId);
    return (await this.#engine.openThread(threadId)).send(message, options);
  }

  close(code: number = closeCodes.normal.code, reason: string = closeCodes.normal.reason): void {
    assertCloseFrame(code, reason);
    this.#machine.tell({ type: 'evict', code, reason });
  }

  trip(): void {
    this.#machine.tell({ type: 'trip' });
  }

  reset(): void {
    this.#machine.tell({ type: 'reset' });
  }

  evict({ code, reason }: CloseCode): void {
    this.#machine.tell({ type: 'evict', code, reason });
  }

  /** Says something of the protocol; a client that lets too many such notices wait is not served any longer. */
  tell(notice: Frame): void {
    if (this.format === 'plain' || this.state === 'evicted') return;
    if (!this.outbox.say(notice)) this.evict(closeCodes.slowConsumer);
  }

  /** The client says that it has everything up to this offset. */
  ack(threadId: string, offset: number): void {
    this.#memberships.get(threadId)?.ack(offset);
  }

  // --- Subscriber

  followUp(entry: Entry, frame: Frame): void {
    if (this.outbox.isUnfinished) this.#engine.turns.add(this.#memberships);
    this.#trace(entry, frame.bytes, 'written');
  }

  traceRun({ entries }: Run): void {
    const { format, window } = this.outbox.dialect;
    for (const entry of entries) this.#trace(entry, entry.frame(format, window).bytes, 'written');
  }

  followPart(entry: Entry, isLast: boolean): void {
    this.#vitals.follow(this.#engine.now(), this.outbox.bytes);
    if (isLast) this.#trace(entry, entry.body.bytes, 'written');
  }

  mayWritePart(): boolean {
    const { canWritePart, bytes } = this.outbox;
    if (!canWritePart) return false;
    const hasRoom = this.#vitals.hasRoom(bytes);
    // whatever filled the line, an answer has to come
    if (!hasRoom) this.#vitals.follow(this.#engine.now(), bytes);
    return hasRoom;
  }

  beginParts(subscription: Subscription): boolean {
    return this.#memberships.beginParts(subscription);
  }

  endParts(): void {
    this.#memberships.endParts();
  }

  partReady(): void {
    this.#engine.turns.add(this.#memberships);
  }

  traceMiss(entry: Entry, outcome: SendOutcome): void {
    this.#trace(entry, 0, outcome);
  }

  tellGap(threadId: string, why: GapReason, position: string): void {
    this.#engine.counters.gaps++;
    this.tell(notices.gap(threadId, why, position));
  }

  tellLost(threadId: string, streamId: string): void {
    this.tell(notices.lost(threadId, streamId));
  }

  fellBehind(subscription: Subscription): void {
    if (subscription.isOwedCritical(this.#engine.settings.maxCriticalBehind)) this.evict(closeCodes.slowConsumer);
    else this.#memberships.fellBehind(subscription);
  }

  // --- LinkListener

  onDrain(): void {
    if (this.state === 'retrying') this.#machine.tell({ type: 'progressed' });
    else if (this.outbox.isUnfinished || this.#memberships.behind > 0) this.#engine.turns.add(this.#memberships);
  }

  onPong(seq: number): void {
    if (!this.#vitals.pong(seq, this.#engine.now())) return;
    if (this.#memberships.behind > 0) this.#engine.turns.add(this.#memberships);
    const { state } = this;
    const isAnswer = state === 'retrying' || (state === 'tripped' && seq >= this.#probe);
    if (isAnswer) this.#machine.tell({ type: 'progressed' });
  }

  onMessage(data: Uint8Array, isBinary: boolean): void {
    this.#vitals.heard(this.#engine.now());
    if (this.state === 'evicted') return;
    if (data.length > this.maxInputBytes) this.evict(closeCodes.tooBig);
    else (this.#requests ??= new Requests(this, this.#engine)).take(data, isBinary);
  }

  onClose(code: number, reason: string): void {
    this.#isLinkClosed = true;
    this.#engine.forgetLink(this);
    this.#machine.tell({ type: 'closed', code, reason: reason === '' ? closeCodes.abnormal.reason : reason });
  }

  // --- the sweep

  /** @param isFair false when our own event loop was late: nobody is judged for that */
  sweep(now: number, isFair: boolean): void {
    const { state } = this;
    if (state === 'tripped' || state === 'evicted') return;
    const finding = this.#vitals.examine(now, this.outbox.bytes);
    if (finding === 'progressed' && state === 'retrying') this.#machine.tell({ type: 'progressed' });
    else if (finding === 'stalled' && state === 'open' && isFair) this.#machine.tell({ type: 'stalled' });
    if (this.#vitals.owesHeartbeat(now, this.outbox.bytes)) this.#beat();
    if (this.#memberships.size === 0 && now - this.#usedAt >= this.#engine.settings.idleConnectionMs) {
      this.evict(closeCodes.idle);
    }
  }

  /** When it last left a thread or said something; answers to pings, which come by themselves, are nothing. */
  get #usedAt(): number {
    return Math.max(this.#acceptedAt, this.#memberships.leftAt ?? -Infinity, this.#requests?.heardAt ?? -Infinity);
  }

  // --- effects of the machine

  openGate(): void {
    this.#openedAt = this.#engine.now();
    this.outbox.open();
    this.#engine.turns.add(this.#memberships);
  }

  /** @param attempt how many retries the waiting messages have seen */
  retries(attempt: number): void {
    this.#retries = attempt;
  }

  /** The first attempt and all retries timed out: what waits, waits in the log. */
  deliveryFailed(): void {
    this.#traceWaiting('timed_out');
  }

  sendProbe(): void {
    this.#guarded(() => {
      this.#probe = this.#vitals.ping(this.#engine.now(), this.outbox.bytes);
    });
  }

  terminate(code: number, reason: string): void {
    const isCut = !this.#isFlushed();
    this.#traceWaiting('evicted');
    this.outbox.abandon();
    this.#memberships.leaveAll();
    // a close frame would wait behind the unsent bytes of a peer that takes none
    if (isCut) this.#cut();
    else if (!this.#isLinkClosed)
      guarded(
        () => this.#link.close(code, reason),
        (error) => this.#cut(error),
      );
    this.#engine.forgetConnection(this, { code, reason });
    this.emit('evicted', { code, reason });
  }

  /** The kernel has all that was written. */
  #isFlushed(): boolean {
    let isFlushed = false;
    this.#guarded(() => {
      if (!this.#isLinkClosed) {
        // what is only gathered is not what the peer does not take
        this.outbox.depart();
        this.#link.uncork();
      }
      isFlushed = this.#link.unsentBytes === 0;
    });
    return isFlushed;
  }

  /** @param error why, where something threw */
  #cut(error?: unknown): void {
    if (error !== undefined) this.#engine.report(error);
    this.#guarded(() => this.#link.terminate());
  }

  /** A link of somebody else's may throw, which must not keep its connection from ending. */
  #guarded(act: () => void): void {
    guarded(act, this.#engine.report);
  }

  /** The hub waits no longer for the peer's answer to a close frame. */
  terminateLink(): void {
    if (!this.#isLinkClosed) this.#cut();
  }

  assertLive(action: string): void {
    if (this.state === 'evicted') throw new ConnectionClosedError({ connectionId: this.id, action });
  }

  #trace(entry: Entry, bytes: number, outcome: SendOutcome): void {
    if (entry.trace === undefined) return;
    const hasWaited = outcome === 'timed_out' || outcome === 'evicted' || entry.loggedAt < this.#openedAt;
    const attempt = hasWaited ? 1 + this.#retries : 1;
    this.#engine.telemetry.send(entry, entry.trace, { connectionId: this.id, bytes, attempt, outcome });
  }

  #traceWaiting(outcome: SendOutcome): void {
    for (const subscription of this.#memberships.subscriptionsBehind) {
      for (const entry of subscription.waiting(TRACED_WAITING)) this.#trace(entry, 0, outcome);
    }
  }

  /** In the turns' slices: thousands of connections that went quiet together are not all written to in one sweep. */
  #beat(): void {
    if (this.format === 'plain' || !this.outbox.canWrite) return;
    this.outbox.sayLater(notices.heartbeat);
    this.#engine.turns.add(this.#memberships);
  }

  // --- OutboxOwner, and Subscriber

  onBroken(error: unknown): void {
    this.#cut(error);
    this.onClose(closeCodes.abnormal.code, asError(error).message);
  }
}
