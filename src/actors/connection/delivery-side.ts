import { closeCodes, reasonOf, type CloseCode } from '../../infra/wire/close-codes.ts';
import { frameVariantOf } from '../../infra/wire/frame-variant.ts';
import type { Entry } from '../../infra/log/entry.ts';
import { asError, ConnectionClosedError } from '../../infra/errors.ts';
import type { Frame } from '../../infra/wire/frames.ts';
import type { SendOutcome } from '../../infra/telemetry/spans.ts';
import type { Eviction } from '../../machines/index.ts';
import { LazyMachine } from './lazy-machine.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import type { ConnectionServices } from './connection-services.ts';
import { cutLink, LinkEnding } from './link-ending.ts';
import { guarded } from '../support/emitter.ts';
import { Subscriptions, type Member } from './subscriptions.ts';
import { FrameWriter, type OutboxOwner } from '../delivery/frame-writer.ts';
import { notices } from './wire-protocol.ts';
import type { JoinedFrame } from '../delivery/joined-frames.ts';
import type { GapReason } from '../delivery/gap-reason.ts';
import type { Subscription } from '../delivery/subscription.ts';
import { Liveness } from './liveness.ts';
import type { Format } from '../../api/message.ts';
import type { Link, LinkListener } from '../../api/socket.ts';
import type { ConnectionState } from '../../api/connection.ts';

/** Of the messages that a failing connection waits for, how many in each thread are looked at for a trace. */
const TRACED_WAITING = 64;

/** And in all of its threads. */
const MOST_TRACED_WAITING = 1_024;

/**
 * The side of a connection that delivers: its machine decides when bytes may flow, its outbox writes them, its subscriptions know which,
 * and vitals tell whether the peer still takes them. What the application and the client say is `ConnectionActor`'s.
 *
 * Ten thousand of them are idle most of the time, so what an idle one does not need is made when it is needed, as its machine's actor is.
 */
export abstract class DeliverySide implements Member, LinkListener, OutboxOwner {
  readonly id: string;
  readonly outbox: FrameWriter;
  protected readonly engine: ConnectionServices;
  protected readonly machine: LazyMachine;
  protected readonly vitals: Liveness;
  protected readonly memberships: Subscriptions;
  protected readonly link: Link;
  #probe = 0;
  /** Retries that the messages from before `#openedAt` had to wait for. */
  #retries = 0;
  #openedAt = -Infinity;
  #isLinkClosed = false;
  /** From the eviction until its socket is gone. */
  #ending: LinkEnding | undefined;

  constructor(
    makeLink: (listener: LinkListener) => Link,
    { id, format }: ConnectionSettings,
    engine: ConnectionServices,
  ) {
    this.id = id;
    this.engine = engine;
    this.machine = new LazyMachine(id, engine);
    const { vitals, highWaterMarkBytes } = engine.settings;
    this.link = makeLink(this);
    const dialect = frameVariantOf(format, this.link.deflateWindow);
    this.outbox = new FrameWriter(this.link, dialect, highWaterMarkBytes, this);
    this.vitals = new Liveness(this.link, vitals, engine.now());
    this.memberships = new Subscriptions(this, engine);
  }

  /** The machine has ended, and its link is about to. */
  protected abstract onEnd(end: Eviction, threads: readonly string[]): void;

  /** The socket is gone. */
  protected abstract onLinkEnd(): void;

  abstract onAnswersTaken(): void;

  /** The peer has pinged, or sent a pong that nobody has asked for. */
  protected abstract onControl(): void;

  abstract onMessage(data: Uint8Array, isBinary: boolean): void;

  /** Once it is registered. */
  start(): void {
    if (this.#isLinkClosed) {
      // it ended when nobody could find it yet
      const { code, reason } = this.machine.context.eviction;
      this.terminate(code, reason);
      return;
    }
    if (this.engine.isInspected) this.machine.start();
    else this.openGate();
  }

  get format(): Format {
    return this.outbox.dialect.format;
  }

  get state(): ConnectionState {
    return this.machine.state;
  }

  /** How many threads it has joined. */
  get subscriptions(): number {
    return this.memberships.size;
  }

  get subscriptionsBehind(): Iterable<Subscription> {
    return this.memberships.subscriptionsBehind;
  }

  /** The socket has not gone yet, perhaps because the peer has not answered our close frame. */
  get isLinkOpen(): boolean {
    return !this.#isLinkClosed;
  }

  /** It has messages to come, or bytes that the kernel has not taken. */
  get isBusy(): boolean {
    const { isUnfinished, unsentBytes } = this.outbox;
    return this.state === 'open' && (this.memberships.behind > 0 || isUnfinished || unsentBytes > 0);
  }

  /** Bytes that the peer has received for certain. */
  get ackedBytes(): number {
    return this.vitals.ackedBytes;
  }

  evict({ code, reason }: CloseCode): void {
    this.machine.tell({ type: 'evict', code, reason });
  }

  /** Says something of the protocol; a client that lets too many such notices wait is not served any longer. */
  tell(notice: Frame): void {
    if (this.format === 'plain' || this.state === 'evicted') return;
    if (!this.outbox.say(notice)) this.evict(closeCodes.slowConsumer);
  }

  assertLive(action: string): void {
    if (this.state === 'evicted') throw new ConnectionClosedError({ connectionId: this.id, action });
  }

  // --- Subscriber

  standing(threadId: string): Subscription | 'joining' | undefined {
    return this.memberships.standing(threadId);
  }

  goOn({ trace }: Entry): void {
    this.engine.turns.add(this.memberships);
    if (trace !== undefined) this.engine.telemetry.begun(this.id, trace);
  }

  traceWritten(entry: Entry, bytes: number): void {
    this.#trace(entry, bytes, 'written');
  }

  traceRun({ entries }: JoinedFrame): void {
    const { format, window } = this.outbox.dialect;
    for (const entry of entries) this.#trace(entry, entry.frame(format, window).bytes, 'written');
  }

  followPart(entry: Entry, isLast: boolean): void {
    this.vitals.follow(this.engine.now(), this.outbox.bytes);
    if (isLast) this.#trace(entry, entry.body.bytes, 'written');
  }

  mayWritePart(): boolean {
    const { canWritePart, bytes } = this.outbox;
    if (!canWritePart) return false;
    const now = this.engine.now();
    const hasRoom = this.vitals.hasRoom(now, bytes);
    // whatever filled the line, an answer has to come
    if (!hasRoom) this.vitals.follow(now, bytes);
    return hasRoom;
  }

  beginParts(subscription: Subscription): boolean {
    return this.memberships.beginParts(subscription);
  }

  endParts(): void {
    this.memberships.endParts();
  }

  partReady(): void {
    this.engine.turns.add(this.memberships);
  }

  traceMiss(entry: Entry, outcome: SendOutcome): void {
    this.#trace(entry, 0, outcome);
  }

  tellGap(threadId: string, why: GapReason, position: string): void {
    this.engine.counters.gaps++;
    this.tell(notices.gap(threadId, why, position));
  }

  tellLost(threadId: string, streamId: string): void {
    this.tell(notices.lost(threadId, streamId));
  }

  fellBehind(subscription: Subscription): void {
    if (subscription.isOwedCritical(this.engine.settings.maxCriticalBehind)) this.evict(closeCodes.slowConsumer);
    else this.memberships.fellBehind(subscription);
  }

  // --- LinkListener

  onDrain(): void {
    if (this.#ending !== undefined) this.#ending.drained();
    else if (this.state === 'retrying' || this.#isProbed) this.machine.tell({ type: 'progressed' });
    else if (this.outbox.isUnfinished || this.memberships.behind > 0) this.engine.turns.add(this.memberships);
  }

  onPong(seq: number): void {
    if (!this.vitals.pong(seq, this.engine.now())) {
      this.onControl();
      return;
    }
    if (this.memberships.behind > 0) this.engine.turns.add(this.memberships);
    const { state } = this;
    const isAnswer = state === 'retrying' || (state === 'tripped' && seq >= this.#probe);
    if (isAnswer) this.machine.tell({ type: 'progressed' });
  }

  onPing(): void {
    this.vitals.heard(this.engine.now());
    this.onControl();
  }

  onClose(code: number, reason: string): void {
    this.#isLinkClosed = true;
    // else it ends now, with `terminate`
    if (this.#ending !== undefined) {
      this.#ending.stop();
      this.outbox.abandon();
    }
    this.onLinkEnd();
    this.machine.tell({ type: 'closed', code, reason: reason === '' ? reasonOf(code) : reason });
  }

  get #isProbed(): boolean {
    return this.machine.path === 'tripped.probing';
  }

  // --- the sweep

  /** @param isFair false when our own event loop was late: nobody is judged for that */
  sweep(now: number, isFair: boolean): void {
    const { state } = this;
    if (state === 'evicted') {
      const hasStalled = this.vitals.hasStalled(now);
      this.#ending?.examine(now, hasStalled && isFair);
      return;
    }
    if (state === 'tripped') {
      // a line too slow to answer in time may take bytes all the same
      if (this.#isProbed && this.vitals.hasProgressed(now)) this.machine.tell({ type: 'progressed' });
      return;
    }
    const finding = this.vitals.examine(now, this.outbox.bytes);
    if (finding === 'progressed' && state === 'retrying') this.machine.tell({ type: 'progressed' });
    else if (finding === 'stalled' && state === 'open' && isFair) this.machine.tell({ type: 'stalled' });
    if (this.vitals.owesHeartbeat(now, this.outbox.bytes)) this.#beat();
  }

  // --- effects of the machine

  openGate(): void {
    this.#openedAt = this.engine.now();
    this.outbox.open();
    this.engine.turns.add(this.memberships);
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
    guarded(() => {
      // bytes that move from now on are as good as an answer
      this.vitals.hasProgressed(this.engine.now());
      this.#probe = this.vitals.ping(this.engine.now(), this.outbox.bytes);
    }, this.engine.report);
  }

  terminate(code: number, reason: string): void {
    this.#traceWaiting('evicted');
    const { threads } = this.memberships;
    this.memberships.leaveAll();
    if (this.#isLinkClosed) this.outbox.abandon();
    else this.#end(code, reason);
    this.onEnd({ code, reason }, threads);
  }

  #end(code: number, reason: string): void {
    const { outbox, engine } = this;
    const { report, turns } = engine;
    const now = engine.now();
    this.vitals.beginEnd(now);
    this.#ending = new LinkEnding({
      link: this.link,
      outbox,
      code,
      reason,
      now,
      report,
      enqueue: (ending) => turns.add(ending),
    });
    this.#ending.begin();
  }

  /** The hub waits no longer for the peer: it takes nothing, or does not answer the close frame. */
  cutIfStill(): void {
    if (this.#ending?.hasMoved() === false) this.#ending.cut();
  }

  /** The hub waits no longer. */
  terminateLink(): void {
    if (!this.#isLinkClosed) cutLink(this.link, this.engine.report);
  }

  /** What the client says when it has been told that it is over. */
  protected heardAfterEnd(bytes: number): void {
    this.#ending?.heard(bytes);
  }

  #trace(entry: Entry, bytes: number, outcome: SendOutcome): void {
    if (entry.trace === undefined) return;
    const hasWaited = outcome === 'timed_out' || outcome === 'evicted' || entry.loggedAt < this.#openedAt;
    const attempt = hasWaited ? 1 + this.#retries : 1;
    this.engine.telemetry.send(entry, entry.trace, { connectionId: this.id, bytes, attempt, outcome });
  }

  #traceWaiting(outcome: SendOutcome): void {
    let left = MOST_TRACED_WAITING;
    for (const subscription of this.memberships.subscriptionsBehind) {
      if (left <= 0) return;
      for (const entry of subscription.waiting(Math.min(left, TRACED_WAITING))) this.#trace(entry, 0, outcome);
      left -= Math.min(TRACED_WAITING, subscription.lag);
    }
  }

  /** In the turns' slices: thousands of connections that went quiet together are not all written to in one sweep. */
  #beat(): void {
    if (this.format === 'plain' || !this.outbox.canWrite) return;
    this.outbox.sayLater(notices.heartbeat);
    this.engine.turns.add(this.memberships);
  }

  // --- OutboxOwner, and Subscriber

  onBroken(error: unknown): void {
    this.engine.report(error);
    cutLink(this.link, this.engine.report);
    this.onClose(closeCodes.abnormal.code, asError(error).message);
  }
}
