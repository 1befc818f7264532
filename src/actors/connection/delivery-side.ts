import { closeCodes } from '../../infra/wire/close-codes.ts';
import type { Connection } from '../../api/connection.ts';
import type { Entry } from '../../api/entry.ts';
import type { SendOutcome } from '../../infra/telemetry/spans.ts';
import { scopesOf, type Chooser } from '../support/id-scope.ts';
import type { Clearance } from '../delivery/clearance.ts';
import type { FrameWriter } from '../delivery/frame-writer.ts';
import type { GapReason } from '../delivery/gap-reason.ts';
import type { JoinedFrame } from '../delivery/joined-frames.ts';
import type { Subscriber } from '../delivery/subscriber.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import type { ConnectionServices } from './connection-services.ts';
import { SendTraces } from './send-traces.ts';
import { Subscriptions } from './subscriptions.ts';
import { notices } from './wire-protocol.ts';

/** The delivering side of a connection, as its subscriptions see it: resumes them when the line allows it, and traces what is sent. */
export class DeliverySide implements Subscriber<Subscription> {
  readonly id: string;
  readonly writer: FrameWriter;
  readonly subscriptions: Subscriptions;
  readonly #chooser: Chooser;
  readonly isFollower: boolean;
  readonly #line: ConnectionLine;
  readonly #services: ConnectionServices;
  /** Set from the first message that is not for all. */
  #scopes: readonly string[] | undefined;
  /** Set from the first traced message, or the first retry. */
  #traces: SendTraces | undefined;

  /**
   * @param connection as the application knows it
   * @param chooser the same, with its client
   */
  constructor(
    connection: Connection,
    settings: Chooser & Pick<ConnectionSettings, 'protocol'>,
    line: ConnectionLine,
    services: ConnectionServices,
  ) {
    this.#chooser = settings;
    this.isFollower = settings.protocol !== undefined;
    this.id = line.id;
    this.writer = line.writer;
    this.#line = line;
    this.#services = services;
    this.subscriptions = new Subscriptions(connection, line, this, services);
  }

  /** See `AcceptOptions.clientId`. */
  get clientId(): string | undefined {
    return this.#chooser.clientId;
  }

  /** Messages are still to be written, or the kernel has not accepted all bytes. */
  get isBusy(): boolean {
    if (this.#line.state !== 'open') return false;
    return this.subscriptions.behind > 0 || this.writer.unsentBytes > 0 || this.writer.admit('message') !== 'now';
  }

  // --- news of the link

  onDrain(): void {
    if (this.#line.drained()) this.#goOn();
    this.#line.input?.goOn();
  }

  /** What waited for the landing continues. */
  onLanding(): void {
    this.#goOn();
    this.#line.input?.goOn();
  }

  #goOn(): void {
    if (this.subscriptions.behind > 0 || this.writer.admit('message') === 'turn') this.resume();
  }

  /** False if that answers no ping of ours. */
  onPong(seq: number): boolean {
    if (!this.#line.liveness.pong(seq, this.#services.now())) return false;
    if (this.subscriptions.behind > 0) this.resume();
    this.#line.answered(seq);
    return true;
  }

  // --- effects of the machine

  openGate(): void {
    this.#traces?.noteOpened(this.#services.now());
    this.writer.open();
    this.resume();
  }

  /** @param attempt how many retries the waiting messages have seen */
  noteRetries(attempt: number): void {
    this.#tracing.noteRetries(attempt);
  }

  /** The first attempt and all retries timed out: messages now wait in the log. */
  deliveryFailed(): void {
    this.#tracing.waiting(this.subscriptions.subscriptionsBehind, 'timed_out');
  }

  /** Leaves all threads and returns those that it was in. */
  end(): readonly string[] {
    if (this.subscriptions.behind > 0) this.#tracing.waiting(this.subscriptions.subscriptionsBehind, 'evicted');
    const { threads } = this.subscriptions;
    this.subscriptions.leaveAll();
    return threads;
  }

  /** Continues waiting work in slices of the scheduler. */
  resume(): void {
    this.#services.scheduler.add(this.subscriptions);
  }

  // --- Subscriber

  get ackedBytes(): number {
    return this.#line.liveness.ackedBytes;
  }

  get isLinkOpen(): boolean {
    return this.#line.isLinkOpen;
  }

  isExcepted(scope: string): boolean {
    return (this.#scopes ??= scopesOf(this.#chooser)).includes(scope);
  }

  standing(threadId: string): Subscription | 'joining' | undefined {
    return this.subscriptions.standing(threadId);
  }

  goOn(entry: Entry): void {
    this.resume();
    if (entry.trace !== undefined) this.#tracing.begun(entry);
  }

  traceWritten(entry: Entry, bytes: number): void {
    this.#tracing.over(entry, bytes, 'written');
  }

  traceRun(run: JoinedFrame): void {
    this.#tracing.writtenTogether(run, this.writer.variant);
  }

  traceMiss(entry: Entry, outcome: SendOutcome): void {
    this.#tracing.over(entry, 0, outcome);
  }

  admitPart(): Clearance {
    const clearance = this.writer.admit('part');
    if (clearance !== 'now') return clearance;
    const now = this.#services.now();
    const { bytes } = this.writer;
    const { liveness } = this.#line;
    if (liveness.hasRoom(now, bytes)) return 'now';
    // an answer must arrive, whatever has filled the line
    liveness.follow(now, bytes);
    return 'signal';
  }

  followPart(entry: Entry | undefined, isLast: boolean): void {
    this.#line.liveness.follow(this.#services.now(), this.writer.bytes);
    if (isLast && entry?.trace !== undefined) this.#tracing.over(entry, entry.body.bytes, 'written');
  }

  beginParts(subscription: Subscription): boolean {
    return this.subscriptions.beginParts(subscription);
  }

  endParts(): void {
    this.subscriptions.endParts();
  }

  isBehindElsewhere(threadId: string): boolean {
    return this.subscriptions.isBehindElsewhere(threadId);
  }

  partReady(): void {
    this.resume();
  }

  rereads(entries: number, bytes: number): void {
    this.#line.input?.payForReread(entries, bytes);
  }

  tellGap(threadId: string, why: GapReason, position: string): void {
    this.#services.counters.gaps++;
    this.#line.sendNotice(notices.gap(threadId, why, position));
  }

  tellLost(threadId: string, streamId: string): void {
    this.#line.sendNotice(notices.lost(threadId, streamId));
  }

  fellBehind(subscription: Subscription, clearance: Clearance): void {
    const isTooLate = subscription.isOwedCritical(this.#services.settings.maxCriticalBehind);
    if (isTooLate) this.#line.evict(closeCodes.slowConsumer);
    else this.subscriptions.fellBehind(subscription, clearance);
  }

  onBroken(error: unknown): void {
    this.#line.onBroken(error);
  }

  get #tracing(): SendTraces {
    return (this.#traces ??= new SendTraces(this.id, this.#services.telemetry));
  }
}
