import type { Entry, MessageTrace } from '../../api/entry.ts';
import type { LogReset, LogSubscription, LogTail } from '../../api/log.ts';
import { isConnectionThread, parsePosition } from '../../infra/log/ids.ts';
import type { Filled } from '../../infra/option-checks.ts';
import type { Counters } from '../support/counters.ts';
import type { ThreadServices } from './thread-services.ts';
import type { WriteBatch } from '../delivery/write-batch.ts';
import { lagOf } from './member-lag.ts';
import { planJoin, type JoinPlan } from './join-plan.ts';
import type { JoinRequest } from './join-request.ts';
import { decodeVolatile } from './node-messages.ts';
import type { PublicationTally } from '../delivery/publication-tally.ts';
import { FanOut, type FanOutHost } from '../delivery/fan-out.ts';
import type { JoinedFrames } from '../delivery/joined-frames.ts';
import { ChunkViews } from '../streams/chunk-view.ts';
import { decodeReplication } from '../streams/replication-messages.ts';
import { StreamRegistry, type StreamHost } from '../streams/stream-registry.ts';
import { askForStreams } from '../streams/stream-replication.ts';
import type { Home, Subscriber } from '../delivery/subscriber.ts';
import { Subscription } from '../delivery/subscription.ts';
import { guarded } from '../support/emitter.ts';
import { openThreadValues, type ThreadValues } from '../values/thread-values.ts';
import { ThreadLife } from './thread-life.ts';
import type { OpenThread, ThreadSends } from './thread-sends.ts';
import type { ThreadState, ThreadStats } from '../../api/thread.ts';
import type { CompressionOptions } from '../../api/options.ts';
import type { PendingReceipt, Receipt } from '../../api/receipt.ts';
import type { SendOptions, Transaction } from '../../api/message.ts';
import { sendStaged } from './staged-send.ts';

/** One open thread: orders its messages, appends them to the log, and keeps its members for the fan-out. */
export class ThreadActor implements Home<Subscription>, FanOutHost, StreamHost, OpenThread {
  readonly id: string;
  readonly joinedFrames: JoinedFrames;
  readonly batch: WriteBatch;
  readonly counters: Counters;
  readonly compression: Filled<CompressionOptions>;
  readonly now: () => number;
  readonly report: (error: unknown) => void;
  readonly members = new Set<Subscription>();
  readonly sends: ThreadSends;
  readonly #services: ThreadServices;
  readonly #life: ThreadLife;
  readonly #log: LogSubscription;
  readonly #pump: FanOut;
  #streams: StreamRegistry | undefined;
  #values: ThreadValues | undefined;
  /** The thread of one connection. After its end, logged entries would only take memory from other threads. */
  readonly #isConnections: boolean;
  #joins = 0;
  /** The number of members that other processes know. */
  #announced = 0;

  /** @param sends those in progress, which the thread takes over */
  constructor(id: string, services: ThreadServices, log: LogSubscription, sends: ThreadSends) {
    this.id = id;
    this.sends = sends;
    this.#isConnections = isConnectionThread(id);
    this.joinedFrames = services.joinedFrames;
    this.batch = services.batch;
    this.counters = services.counters;
    this.compression = services.settings.compression;
    this.now = services.now;
    this.report = services.report;
    this.#services = services;
    this.#log = log;
    log.hold(log.tail.head);
    this.#pump = new FanOut(log.tail, this);
    this.#life = new ThreadLife(this, services);
  }

  start(): void {
    this.#life.start();
    this.sends.attach(this);
    if (this.#log.isAlone !== true) askForStreams(this.id, this.#services);
  }

  get state(): ThreadState {
    return this.#life.state;
  }

  get tail(): LogTail {
    return this.#log.tail;
  }

  get stats(): ThreadStats {
    const values = this.#values?.size ?? 0;
    return { state: this.state, members: this.members.size, ...lagOf(this.members), values, head: this.#log.tail.head };
  }

  /** Its token streams; undefined until the first one. */
  get streams(): StreamRegistry | undefined {
    return this.#streams;
  }

  /** Its values, as its members are sent them; undefined until a member reads them. */
  get values(): ThreadValues | undefined {
    return this.#values;
  }

  openValues(): void {
    const { settings, ticker } = this.#services;
    this.#values ??= openThreadValues(this, settings, (source) => ticker.add(source));
  }

  /** @throws ThreadClosedError */
  openStreams(): StreamRegistry {
    this.#life.assertOpen('stream');
    return this.#openStreams();
  }

  send(message: unknown, options?: SendOptions): Promise<Receipt> {
    return this.sends.send(message, options);
  }

  sendShared(message: unknown, options: SendOptions): Promise<Receipt> {
    return this.sends.sendShared(message, options);
  }

  remove(messageId: string): Promise<Receipt> {
    return this.sends.remove(messageId);
  }

  /** Inserts a message in a transaction of the application, and delivers it after the commit. */
  sendIn(message: unknown, options: SendOptions, transaction: Transaction): Promise<PendingReceipt> {
    return sendStaged(this.sends, this.#services, message, options, transaction);
  }

  /**
   * Creates the subscription. The subscriber notifies its client of the plan.
   * @param from a position, `start` for all kept entries, or undefined for new ones only
   * @param request the other fields of the client's join
   */
  subscribe(
    subscriber: Subscriber<Subscription>,
    from: string | undefined,
    request: JoinRequest = {},
  ): { subscription: Subscription; plan: JoinPlan } {
    this.#life.assertOpen('join');
    const plan = planJoin(this.#log.tail, from);
    if (from !== undefined && from !== 'start') this.#services.counters.resumes++;
    const { tail } = this.#log;
    const { parts, reading, isInOrder } = request;
    const views = subscriber.isFollower ? new ChunkViews() : undefined;
    const { offset: after } = plan.start;
    const isFromStart = from === 'start';
    const start = { tail, after, isFromStart, serial: ++this.#joins, parts, reading, views, isInOrder };
    const subscription = new Subscription(subscriber, this, start);
    // after a gap, a client gets all streams anew
    if (plan.gap === undefined && (request.texts !== undefined || this.#streams !== undefined))
      this.#openStreams().place(subscription, request.texts);
    this.members.add(subscription);
    if (request.values === true) subscription.takeValues();
    this.sends.publishing.windows.add(subscriber.writer.variant.window);
    if (this.members.size === 1) this.#life.activate();
    return { subscription, plan };
  }

  unsubscribe(subscription: Subscription): void {
    subscription.end();
    this.#streams?.forget(subscription);
    if (this.members.delete(subscription))
      this.sends.publishing.windows.delete(subscription.subscriber.writer.variant.window);
    this.#life.touch();
  }

  /** Offers it to all members, with the next fan-out. */
  offer(publication: PublicationTally): void {
    this.#pump.add(publication);
    this.#services.scheduler.add(this.#pump);
  }

  get lastSerial(): number {
    return this.#joins;
  }

  /** Entries that were offered once may be trimmed. */
  offered(offset: number): void {
    this.#log.hold(offset);
  }

  /** Another process, or this one, has logged an entry. */
  onEntry(entry: Entry): void {
    this.#streams?.onEntry(entry.id);
    if (entry.trace?.isForeign === true) this.#pump.add(this.sends.publishing.takeOver(entry));
    this.#services.scheduler.add(this.#pump);
  }

  /** Another process has sent data for the members that is in no log. */
  onNodeMessage(message: string): void {
    // most threads never have a stream: a question of another process is none
    const about = this.#streams === undefined ? decodeReplication(message)?.k : 'tok';
    if (about === 'ask' || (about !== undefined && this.#openStreams().onNodeMessage(message))) return;
    const entry = decodeVolatile(this.id, message, this.#services.now());
    if (entry !== undefined) this.offer(this.sends.publishing.takeOver(entry));
  }

  // --- OpenThread

  assertFree(id: string): void {
    this.#streams?.assertFree(id);
  }

  sending(message: MessageTrace | undefined): void {
    this.#life.enter(message);
  }

  sent(): void {
    this.#life.leave();
  }

  // --- StreamHost

  offerText(): void {
    this.#pump.addVisit();
    this.#services.scheduler.add(this.#pump);
  }

  onStreams(): void {
    if (this.#streams?.hasPublisher === true) this.#life.activate();
    this.#life.touch();
  }

  /** The log does not continue where it was: the next pass notifies each member accordingly, and delivers the current entries. */
  onReset({ why, after }: LogReset): void {
    this.joinedFrames.clear();
    this.#log.hold(after);
    if (why === 'deleted') this.#onDeleted();
    else if (why !== 'trimmed') for (const member of this.members) member.rewind(after, why);
    this.#pump.addVisit();
    this.#services.scheduler.add(this.#pump);
  }

  /** Its members leave in slices of the turns. What is sent meanwhile is no message of the thread that they had joined. */
  #onDeleted(): void {
    this.#streams?.release('deleted');
    // another protocol's member gets no messages, and is still to be told how its streams have ended
    for (const member of this.members) if (member.views === undefined) member.end();
  }

  /** Resolves when the log holds in this process what a join from there needs; undefined if there is nothing to wait for. */
  reach(from: string | undefined): Promise<void> | undefined {
    if (from === undefined) return undefined;
    return this.#log.reach?.(from === 'start' ? from : parsePosition(from));
  }

  /** Reports the number of members to other processes, and closes a thread that was unused for the idle time, or is so in a crowd. */
  sweep(now: number, isCrowded: boolean): void {
    const { size } = this.members;
    const { settings, report } = this.#services;
    if (size !== this.#announced) guarded(() => settings.log.announce?.(this.id, size), report);
    this.#announced = size;
    this.#streams?.expire(now);
    this.#life.rest();
    if (size === 0) this.#life.expire(now, isCrowded || this.#isConnections);
  }

  /** Accepts no more sends; resolves when all accepted messages have been logged and offered. Its members may still be behind. */
  async drain(): Promise<void> {
    const held = this.#streams?.abortAll('drain');
    if (held !== undefined) await held;
    this.#life.drain();
    await this.sends.drain();
  }

  /** No member is behind any more, or the drain's time is up. */
  drained(): void {
    this.#life.drained();
  }

  close(): void {
    this.#life.close();
  }

  // --- its life

  get isNeeded(): boolean {
    return this.members.size > 0 || this.sends.isBusy || this.#streams?.hasPublisher === true;
  }

  /** Effect of the machine. */
  release(): void {
    if (this.#isConnections) this.#services.settings.log.forget?.(this.id);
    this.#log.unsubscribe();
    this.#streams?.release('closed');
    this.#values?.end();
    for (const member of this.members) member.end();
    this.members.clear();
    this.#services.forgetThread(this.id);
  }

  #openStreams(): StreamRegistry {
    return (this.#streams ??= new StreamRegistry(this, this.#services, this.#log.tail));
  }
}
