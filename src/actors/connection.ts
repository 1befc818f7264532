import { createActor, type ActorRefFrom } from 'xstate';
import { closeCodes, type CloseCode } from '../infra/close-codes.ts';
import type { WindowBits } from '../infra/deflate.ts';
import type { Entry, Format } from '../infra/entry.ts';
import { asError, ConnectionClosedError } from '../infra/errors.ts';
import type { Frame } from '../infra/frames.ts';
import type { Link, LinkListener } from '../infra/link.ts';
import type { SendOutcome } from '../infra/telemetry.ts';
import type { connectionMachine } from '../machines/index.ts';
import type {
  AcceptOptions,
  Connection,
  ConnectionEvents,
  ConnectionState,
  ConnectionStats,
  JoinOptions,
} from './api.ts';
import type { Engine } from './engine.ts';
import type { JoinWish } from './join-wish.ts';
import { guarded, Listeners, type Listener } from './listeners.ts';
import { Memberships, type Member } from './memberships.ts';
import { stateOf } from './observers.ts';
import { Outbox } from './outbox.ts';
import { notices } from './protocol.ts';
import type { Receipt } from './receipt.ts';
import { Requests } from './requests.ts';
import type { Run } from './runs.ts';
import type { SendOptions } from './send-options.ts';
import type { GapReason, Subscription } from './subscription.ts';
import { tell } from './tell.ts';
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
}

/** One socket at work: its machine decides when bytes may flow, its outbox writes them, its subscriptions know which. */
export class ConnectionActor implements Connection, Member, LinkListener {
  readonly id: string;
  readonly userId: string | undefined;
  readonly data: unknown;
  readonly format: Format;
  /** The window for compressed frames, if it takes them. */
  readonly window: WindowBits | undefined;
  readonly authorize: (threadId: string) => boolean | Promise<boolean>;
  /** The application's; see `AttachOptions.onPublish`. */
  readonly onPublish: AcceptOptions['onPublish'];
  readonly outbox: Outbox;
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #vitals: Vitals;
  readonly #actor: ActorRefFrom<typeof connectionMachine>;
  readonly #memberships: Memberships;
  readonly #listeners: Listeners<ConnectionEvents>;
  readonly #requests: Requests;
  readonly #acceptedAt: number;
  #probe = 0;
  #isWatched = false;
  /** Retries that the messages from before `#openedAt` had to wait for. */
  #retries = 0;
  #openedAt = -Infinity;
  #isLinkClosed = false;

  constructor(makeLink: (listener: LinkListener) => Link, settings: ConnectionSettings, engine: Engine) {
    this.id = settings.id;
    this.userId = settings.userId;
    this.data = settings.data;
    this.format = settings.format;
    this.authorize = settings.authorize;
    this.onPublish = settings.onPublish;
    this.#engine = engine;
    this.#acceptedAt = engine.now();
    const { policy, heartbeatMs, highWaterMarkBytes } = engine.settings;
    this.#link = makeLink(this);
    this.window = this.#link.deflateWindow;
    this.outbox = new Outbox(this.#link, highWaterMarkBytes, (error) => this.#broken(error));
    this.#vitals = new Vitals(this.#link, { sendTimeoutMs: policy.sendTimeoutMs, heartbeatMs }, engine.now());
    this.#memberships = new Memberships(this, engine);
    this.#listeners = new Listeners((error) => engine.report(error));
    this.#requests = new Requests(this, engine);
    this.#actor = createActor(engine.machines.connection, {
      ...engine.actorOptions,
      id: `connection:${this.id}`,
      input: { id: this.id, policy },
    });
  }

  /** Once it is registered: the machine's first entry opens the gate. */
  start(): void {
    this.#engine.launch(this.#actor);
    const { heartbeatMs, maxInputBytes } = this.#engine.settings;
    this.tell(notices.hello(this.id, heartbeatMs, { maxBytes: maxInputBytes }));
  }

  get state(): ConnectionState {
    const { value } = this.#actor.getSnapshot();
    if (typeof value === 'string') return value;
    return 'retrying' in value ? 'retrying' : 'tripped';
  }

  get threads(): readonly string[] {
    return this.#memberships.threads;
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
    const snapshot = this.#actor.getSnapshot();
    const { attempt, failures, trips } = snapshot.context;
    const { messages, bytes, unsentBytes } = this.outbox;
    const { behind, lag } = this.#memberships;
    const ageMs = this.#engine.now() - this.#acceptedAt;
    const { roundTripMs } = this.#vitals;
    const path = stateOf(snapshot);
    return { path, ageMs, lag, roundTripMs, messages, bytes, unsentBytes, behind, attempt, failures, trips };
  }

  on<E extends keyof ConnectionEvents>(event: E, listener: Listener<ConnectionEvents[E]>): () => void {
    if (event === 'state') this.#watchState();
    return this.#listeners.on(event, listener);
  }

  /** False where nobody listens. */
  emit<E extends keyof ConnectionEvents>(event: E, news: ConnectionEvents[E]): boolean {
    return this.#listeners.emit(event, news);
  }

  join(threadId: string, { from }: JoinOptions = {}): Promise<void> {
    return this.#memberships.join(threadId, from);
  }

  /** Whether its client may join this thread by itself; its own user's it always may. */
  async mayJoin(threadId: string): Promise<boolean> {
    return (this.userId !== undefined && threadId === userThreadId(this.userId)) || (await this.authorize(threadId));
  }

  /** Whether its client may publish there: it is in the thread, or could be. */
  async mayPublish(threadId: string): Promise<boolean> {
    return this.#memberships.get(threadId) !== undefined || (await this.mayJoin(threadId));
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
    tell(this.#actor, { type: 'evict', code, reason });
  }

  trip(): void {
    tell(this.#actor, { type: 'trip' });
  }

  reset(): void {
    tell(this.#actor, { type: 'reset' });
  }

  evict({ code, reason }: CloseCode): void {
    this.close(code, reason);
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

  deliver(entry: Entry, isAhead: boolean): void {
    const frame = entry.frame(this.format === 'plain' ? 'plain' : isAhead ? 'ahead' : 'json', this.window);
    this.outbox.write(frame);
    if (this.outbox.isUnfinished) this.#engine.turns.add(this.#memberships);
    this.#engine.counters.deliveries++;
    if (entry.trace !== undefined) this.#trace(entry, frame.bytes, 'written');
  }

  deliverRun(run: Run): void {
    this.outbox.writeRun(run.bytes, run.entries.length);
    this.#engine.counters.deliveries += run.entries.length;
    if (run.isTraced)
      for (const entry of run.entries) this.#trace(entry, entry.frame(this.format, this.window).bytes, 'written');
  }

  deliverPart(entry: Entry, part: Uint8Array, isLast: boolean): void {
    this.outbox.writeRun(part, isLast ? 1 : 0);
    if (!isLast) return;
    this.#engine.counters.deliveries++;
    if (entry.trace !== undefined) this.#trace(entry, entry.body.bytes, 'written');
  }

  beginParts(subscription: Subscription): boolean {
    return this.#memberships.beginParts(subscription);
  }

  endParts(): void {
    this.#memberships.endParts();
  }

  offerVolatile(entry: Entry, isCurrent: boolean): boolean {
    if (isCurrent && this.outbox.canWrite && entry.isDeliverable(this.#engine.now())) {
      entry.writes++;
      this.deliver(entry, false);
      return true;
    }
    this.#engine.counters.volatileDropped++;
    if (entry.trace !== undefined) this.traceMiss(entry, 'dropped');
    return false;
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
    if (this.state === 'retrying') tell(this.#actor, { type: 'progressed' });
    else if (this.outbox.isUnfinished || this.#memberships.behind > 0) this.#engine.turns.add(this.#memberships);
  }

  onPong(seq: number): void {
    if (!this.#vitals.pong(seq, this.#engine.now())) return;
    const { state } = this;
    if (state === 'retrying' || (state === 'tripped' && seq >= this.#probe)) tell(this.#actor, { type: 'progressed' });
  }

  onMessage(data: Uint8Array, isBinary: boolean): void {
    this.#vitals.heard(this.#engine.now());
    if (this.state === 'evicted') return;
    if (data.length > this.#engine.settings.maxInputBytes) this.evict(closeCodes.tooBig);
    else this.#requests.take(data, isBinary);
  }

  onClose(code: number, reason: string): void {
    this.#isLinkClosed = true;
    this.#engine.forgetLink(this);
    tell(this.#actor, { type: 'closed', code, reason: reason === '' ? closeCodes.abnormal.reason : reason });
  }

  // --- the sweep

  /** @param isFair false when our own event loop was late: nobody is judged for that */
  sweep(now: number, isFair: boolean): void {
    const { state } = this;
    if (state === 'tripped' || state === 'evicted') return;
    const finding = this.#vitals.examine(now, this.outbox.bytes);
    if (finding === 'progressed' && state === 'retrying') tell(this.#actor, { type: 'progressed' });
    else if (finding === 'stalled' && state === 'open' && isFair) tell(this.#actor, { type: 'stalled' });
    if (this.#vitals.owesHeartbeat(now, this.outbox.bytes)) this.#beat();
    const idleMs = now - this.#vitals.heardAt;
    if (this.#memberships.size === 0 && idleMs >= this.#engine.settings.idleConnectionMs) this.evict(closeCodes.idle);
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
    this.#probe = this.#vitals.ping(this.#engine.now(), this.outbox.bytes);
  }

  terminate(code: number, reason: string): void {
    const hasUnsent = this.#link.unsentBytes > 0;
    this.#traceWaiting('evicted');
    this.outbox.abandon();
    this.#memberships.leaveAll();
    // a close frame would wait behind the unsent bytes of a peer that takes none
    if (hasUnsent) this.#link.terminate();
    else if (!this.#isLinkClosed) this.#link.close(code, reason);
    this.#engine.forgetConnection(this, { code, reason });
    this.#listeners.emit('evicted', { code, reason });
  }

  /** The hub waits no longer for the peer's answer to a close frame. */
  terminateLink(): void {
    if (!this.#isLinkClosed) this.#link.terminate();
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

  /** Nobody pays for the news of states until somebody listens. */
  #watchState(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    let from = stateOf(this.#actor.getSnapshot());
    this.#actor.subscribe((snapshot) => {
      const to = stateOf(snapshot);
      if (to !== from) this.#listeners.emit('state', { from, to });
      from = to;
    });
  }

  #broken(error: unknown): void {
    this.#engine.report(error);
    guarded(
      () => this.#link.terminate(),
      (failure) => this.#engine.report(failure),
    );
    this.onClose(closeCodes.abnormal.code, asError(error).message);
  }
}
