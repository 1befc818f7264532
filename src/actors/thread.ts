import { createActor, type ActorRefFrom } from 'xstate';
import type { Appended, LogReset, LogSubscription } from '../infra/delivery-log.ts';
import { Entry, type EntryDraft, type Lane } from '../infra/entry.ts';
import { ThreadClosedError } from '../infra/errors.ts';
import type { WindowBits } from '../infra/deflate.ts';
import { parsePosition, type Position } from '../infra/ids.ts';
import { IN_PARTS_ABOVE_BYTES } from '../infra/parts.ts';
import type { MessageTrace } from '../infra/message-trace.ts';
import type { OpenSpan } from '../infra/telemetry.ts';
import type { threadMachine } from '../machines/index.ts';
import type { ThreadStats } from './api.ts';
import type { Engine } from './engine.ts';
import type { JoinWish } from './join-wish.ts';
import { LaneQueue } from './lane-queue.ts';
import { MAX_NOTE_BYTES, readVolatileNote, volatileNote } from './notes.ts';
import { Publication } from './publication.ts';
import type { Flight } from './flight.ts';
import { Pump, type Station } from './pump.ts';
import { attributesOf, makeReceipt, type Receipt } from './receipt.ts';
import { resolveSend, type SendOptions, type SendSettings } from './send-options.ts';
import type { Encoded } from './encoded.ts';
import { compress, Windows } from './compression.ts';
import type { Filled } from '../infra/option-checks.ts';
import type { CompressionOptions } from './options.ts';
import { Streams, type StreamHost } from './streams.ts';
import type { Counters } from './counters.ts';
import type { Runs } from './runs.ts';
import { positionIn, type GapReason, type Home, type Subscriber } from './subscriber.ts';
import { Subscription } from './subscription.ts';
import { tell } from './tell.ts';

/** Where a join starts, and what the client has to be told of it. */
export interface JoinPlan {
  readonly start: Position;
  readonly recovered: number;
  readonly gap: GapReason | undefined;
}

/** One thread at work: orders its messages, appends them to the log, and keeps its members for the pump to visit. */
export class ThreadActor implements Home, Station, StreamHost {
  readonly id: string;
  readonly runs: Runs;
  readonly flight: Flight;
  readonly counters: Counters;
  readonly compression: Filled<CompressionOptions>;
  readonly now: () => number;
  readonly members = new Set<Subscription>();
  readonly #engine: Engine;
  readonly #actor: ActorRefFrom<typeof threadMachine>;
  readonly #log: LogSubscription;
  readonly #pump: Pump;
  readonly #lanes = {
    critical: new LaneQueue<Encoded>(),
    normal: new LaneQueue<Encoded>(),
    volatile: new LaneQueue<Encoded>(),
  };
  readonly #windows = new Windows();
  #streams: Streams | undefined;
  #underWay = 0;
  #joins = 0;
  readonly #awaitingLeave: (() => void)[] = [];
  #usedAt: number;
  /** Members that other processes know of. */
  #announced = 0;

  constructor(id: string, engine: Engine, log: LogSubscription) {
    this.id = id;
    this.runs = engine.runs;
    this.flight = engine.flight;
    this.counters = engine.counters;
    this.compression = engine.settings.compression;
    this.now = engine.now;
    this.#engine = engine;
    this.#log = log;
    log.hold(log.tail.head);
    this.#pump = new Pump(log.tail, this);
    this.#usedAt = engine.now();
    this.#actor = createActor(engine.machines.thread, { ...engine.actorOptions, id: `thread:${id}`, input: { id } });
  }

  start(): void {
    this.#engine.launch(this.#actor);
    if (this.#engine.settings.log.notify !== undefined) this.#openStreams().ask();
  }

  get state(): string {
    return this.#actor.getSnapshot().value;
  }

  get stats(): ThreadStats {
    let behind = 0;
    let lag = 0;
    for (const member of this.members) {
      if (!member.isBehind) continue;
      behind++;
      lag = Math.max(lag, member.lag);
    }
    return { state: this.state, members: this.members.size, behind, lag, head: this.#log.tail.head };
  }

  get position(): Position {
    const { tail } = this.#log;
    return positionIn(tail, tail.head);
  }

  /** Its token streams; undefined where there have been none. */
  get streams(): Streams | undefined {
    return this.#streams;
  }

  /** @throws ThreadClosedError */
  openStreams(): Streams {
    this.#assertOpen('stream');
    return this.#openStreams();
  }

  /** Serializes, logs, offers. Never waits for a connection. */
  async send(message: unknown, options: SendOptions = {}): Promise<Receipt> {
    const settings = resolveSend(options, this.#engine);
    const { counters, telemetry, metrics } = this.#engine;
    const { lane: laneName, parent, link } = settings;
    const span = telemetry.publish({ threadId: this.id, lane: laneName, parent, link });
    this.#enter(span.trace);
    try {
      this.#assertOpen('send');
      this.#streams?.assertFree(settings.id);
      const encoded = this.#compressed(
        this.#engine.serializer.encode(message, settings.isSnapshot, span.trace),
        settings.lane,
      );
      const lane = this.#lanes[settings.lane];
      const publication =
        encoded instanceof Promise || !lane.isIdle
          ? await lane.enqueue(encoded, (ready) => this.#publish(ready, settings, span))
          : await this.#publish(encoded, settings, span);
      counters.messagesPublished++;
      if (!publication.isDuplicate) {
        metrics.fannedOut(publication.recipients, this.#engine.now() - publication.entry.loggedAt);
      }
      span.end(attributesOf(publication));
      return makeReceipt(publication, this.#engine);
    } catch (error) {
      counters.sendsFailed++;
      span.end({}, error);
      throw error;
    } finally {
      this.#leave();
    }
  }

  /**
   * Makes the subscription; its client is told by the subscriber what the plan says.
   * @param from a position, `start` for all that is kept, or nothing for what comes from now on
   * @param wish what its client says besides
   */
  subscribe(
    subscriber: Subscriber,
    from: string | undefined,
    wish: JoinWish = {},
  ): { subscription: Subscription; plan: JoinPlan } {
    this.#assertOpen('join');
    const plan = this.#plan(from);
    if (from !== undefined && from !== 'start') this.#engine.counters.resumes++;
    const { tail } = this.#log;
    const start = { tail, after: plan.start.offset, serial: ++this.#joins, parts: wish.parts };
    const subscription = new Subscription(subscriber, this, start);
    // after a gap a client begins anew
    if (wish.texts !== undefined || this.#streams !== undefined)
      this.#openStreams().place(subscription, plan.gap === undefined ? wish.texts : undefined);
    this.members.add(subscription);
    this.#windows.add(subscriber.outbox.dialect.window);
    if (this.members.size === 1) this.#activate();
    return { subscription, plan };
  }

  unsubscribe(subscription: Subscription): void {
    subscription.end();
    this.#streams?.forget(subscription);
    if (this.members.delete(subscription)) this.#windows.delete(subscription.subscriber.outbox.dialect.window);
    this.#usedAt = this.#engine.now();
    this.#rest();
  }

  get lastSerial(): number {
    return this.#joins;
  }

  /** What has been offered once may be trimmed. */
  offered(offset: number): void {
    this.#log.hold(offset);
  }

  /** Another process, or this one, has logged an entry. */
  onEntry(entry: Entry): void {
    this.#streams?.onEntry(entry.id);
    if (entry.trace?.isForeign === true) this.#pump.add(this.#takeOver(entry));
    this.#engine.turns.add(this.#pump);
  }

  /** Another process has something for the members that is in no log. */
  onNote(note: string): void {
    if (this.#openStreams().onNote(note)) return;
    const entry = readVolatileNote(this.id, note, this.#engine.now());
    if (entry !== undefined) this.#offer(this.#takeOver(entry));
  }

  // --- StreamHost

  offerText(): void {
    this.#pump.addText();
    this.#engine.turns.add(this.#pump);
  }

  onStreams(): void {
    this.#usedAt = this.#engine.now();
    if (this.#streams?.hasPublisher === true) this.#activate();
    else this.#rest();
  }

  /** The log does not go on where it was: each member is told what that means for it, and gets what there is now. */
  onReset({ why, after }: LogReset): void {
    const { runs, turns } = this.#engine;
    runs.clear();
    this.#log.hold(after);
    if (why !== 'trimmed') for (const member of this.members) member.rewind(after, why);
    turns.add(this.#pump);
  }

  /** Resolves when the log holds here what a join from there needs; nothing where there is nothing to wait for. */
  reach(from: string | undefined): Promise<void> | undefined {
    if (from === undefined) return undefined;
    return this.#log.reach?.(from === 'start' ? from : parsePosition(from));
  }

  /** Resolves when few enough sends are under way and the serializer has places, or takes nothing any more. */
  async ready(): Promise<void> {
    const { settings, serializer } = this.#engine;
    do {
      while (this.#underWay >= settings.readyLimit) await this.#nextLeave();
      await serializer.whenPlace();
    } while (this.#underWay >= settings.readyLimit);
  }

  /** Tells other processes how many are here, and closes an idle thread that nobody used for the idle time. */
  sweep(now: number): void {
    const { size } = this.members;
    if (size !== this.#announced) this.#engine.settings.log.announce?.(this.id, size);
    this.#announced = size;
    this.#streams?.expire(now);
    const isUnused = size === 0 && now - this.#usedAt >= this.#engine.settings.threadIdleMs;
    if (isUnused && this.state === 'idle') tell(this.#actor, { type: 'expired' });
  }

  /** Takes no more sends; resolves when what was accepted has been logged and offered. Its members may still be behind. */
  async drain(): Promise<void> {
    this.#streams?.abortAll('drain');
    tell(this.#actor, { type: 'drain' });
    while (this.#underWay > 0) await this.#nextLeave();
  }

  /** Nobody is behind any more, or the drain's time is up. */
  drained(): void {
    tell(this.#actor, { type: 'drained' });
  }

  close(): void {
    tell(this.#actor, { type: 'close' });
  }

  /** Effect of the machine. */
  release(): void {
    this.#log.unsubscribe();
    this.#streams?.release();
    for (const member of this.members) member.end();
    this.members.clear();
    this.#engine.forgetThread(this);
  }

  /** Compresses where members of the thread understand it and the message is worth it; else nothing is waited for. */
  #compressed(encoded: Encoded | Promise<Encoded>, lane: Lane): Encoded | Promise<Encoded> {
    if (this.#windows.all.length === 0) return encoded;
    return encoded instanceof Promise
      ? encoded.then((ready) => this.#compress(ready, lane))
      : this.#compress(encoded, lane);
  }

  #compress(encoded: Encoded, lane: Lane): Encoded | Promise<Encoded> {
    const { bytes } = encoded.body;
    if (bytes < this.compression.thresholdBytes) return encoded;
    // what overtakes, and what is not logged, goes whole
    const mayBeInParts = lane === 'normal' && bytes > IN_PARTS_ABOVE_BYTES;
    const windows = mayBeInParts ? this.#windows.all.filter((window) => this.#takesWhole(window)) : this.#windows.all;
    return windows.length === 0 ? encoded : compress(encoded, windows, this.compression);
  }

  /** Of those with this window, one at least does not take a big message in parts, which are compressed one by one. */
  #takesWhole(window: WindowBits): boolean {
    for (const { parts, subscriber } of this.members) {
      if (parts === undefined && subscriber.outbox.dialect.window === window) return true;
    }
    return false;
  }

  #publish(encoded: Encoded, settings: SendSettings, span: OpenSpan): Promise<Publication> {
    const draft: EntryDraft = {
      threadId: this.id,
      id: settings.id,
      lane: settings.lane,
      body: encoded.body,
      deflated: encoded.deflated,
      key: settings.conflate,
      expiresAt: settings.expiresAt,
      trace: span.trace,
      traceparent: span.trace?.traceparent,
    };
    if (this.state === 'closed') {
      encoded.body.release();
      for (const body of encoded.deflated?.values() ?? []) body.release();
      throw new ThreadClosedError({ threadId: this.id, state: 'closed', action: 'send' });
    }
    return new Promise((resolve, reject) => {
      const offer = ({ entry, isDuplicate }: Appended): void => {
        const { epoch } = this.#log.tail;
        const { strategy } = encoded;
        const publication = new Publication({ entry, strategy, epoch, isDuplicate, members: this.members }, resolve);
        if (isDuplicate) publication.finish(0, 0);
        else this.#offer(publication);
      };
      if (settings.lane === 'volatile') {
        const entry = new Entry(draft, 0, this.#engine.now());
        this.#tellOthers(entry);
        offer({ entry, isDuplicate: false });
        return;
      }
      const appended = this.#engine.settings.log.append(draft);
      if (appended instanceof Promise) appended.then(offer, reject);
      else offer(appended);
    });
  }

  /** Other processes offer a volatile message to their own members. */
  #tellOthers(entry: Entry): void {
    const { log } = this.#engine.settings;
    if (log.notify === undefined || entry.body.bytes > MAX_NOTE_BYTES) return;
    log.notify(this.id, volatileNote(entry, this.#engine.now()));
  }

  /** An entry of another process. Where it is traced, its deliveries here are the children of a span of this process. */
  #takeOver(entry: Entry): Publication {
    const span = entry.trace === undefined ? undefined : this.#engine.telemetry.process(entry, entry.trace);
    entry.trace = span?.trace;
    const facts = { entry, strategy: 'ready', epoch: this.#log.tail.epoch, isDuplicate: false, members: this.members };
    return new Publication(facts, (publication) => span?.end(attributesOf(publication)));
  }

  #offer(publication: Publication): void {
    this.#pump.add(publication);
    this.#engine.turns.add(this.#pump);
  }

  #plan(from: string | undefined): JoinPlan {
    const { tail } = this.#log;
    const { epoch, first, head } = tail;
    const oldest = { epoch, offset: first - 1, id: '' };
    if (from === undefined) return { start: this.position, recovered: 0, gap: undefined };
    if (from === 'start') return { start: oldest, recovered: head - oldest.offset, gap: undefined };
    const position = parsePosition(from);
    if (position.epoch !== epoch) return { start: oldest, recovered: head - oldest.offset, gap: 'epoch' };
    if (position.offset > head) return { start: this.position, recovered: 0, gap: 'ahead' };
    const { id } = positionIn(tail, position.offset);
    if (id !== '' && position.id !== '' && id !== position.id)
      return { start: this.position, recovered: 0, gap: 'fork' };
    if (position.offset + 1 < first) return { start: oldest, recovered: head - oldest.offset, gap: 'trimmed' };
    return { start: position, recovered: head - position.offset, gap: undefined };
  }

  #openStreams(): Streams {
    return (this.#streams ??= new Streams(this, this.#engine));
  }

  #assertOpen(action: string): void {
    const { state } = this;
    if (state !== 'idle' && state !== 'live') throw new ThreadClosedError({ threadId: this.id, state, action });
  }

  #enter(message: MessageTrace | undefined): void {
    this.#underWay++;
    if (message === undefined) this.#activate();
    else this.#engine.telemetry.causing(message, () => this.#activate());
  }

  #leave(): void {
    this.#underWay--;
    for (const resolve of this.#awaitingLeave.splice(0)) resolve();
    this.#usedAt = this.#engine.now();
    this.#rest();
  }

  /** Resolves when a send is over. */
  #nextLeave(): Promise<void> {
    return new Promise((resolve) => void this.#awaitingLeave.push(resolve));
  }

  #activate(): void {
    if (this.state === 'idle') tell(this.#actor, { type: 'activated' });
  }

  #rest(): void {
    const isUsed = this.members.size > 0 || this.#underWay > 0 || this.#streams?.hasPublisher === true;
    if (this.state === 'live' && !isUsed) tell(this.#actor, { type: 'deserted' });
  }
}
