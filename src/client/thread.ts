import { Inbound, type InboundHost } from './inbound.ts';
import { formatPosition, parsePosition } from './position.ts';
import { nextThreadState, type ThreadState, type ThreadStep } from './thread-states.ts';
import { ReaderBuffer, type ReaderBufferHost } from './reader-buffer.ts';
import { OlderMessages, type OlderHost } from './older-messages.ts';
import { backoffDelay } from './backoff.ts';
import { Timer } from './clock.ts';
import { InvalidOptionError, JoinRefusedError, ServerError } from './errors.ts';
import { checkId, type ClientSettings } from './options.ts';
import type { ClientStream, ClientThread, HistoryOptions, Message, Older, ThreadEvents } from './api.ts';
import type { JoinedReply, JoinFields, ThreadFrame } from './frames.ts';
import type { Joiner } from './join-queue.ts';
import type { Role, ThreadHost } from './thread-host.ts';
import type { FedValues } from './values-api.ts';

/** Refusals that another attempt would not change. */
const FINAL_REFUSAL = /^forbidden$|^TC_INVALID_|^TC_TOO_MANY_THREADS$/;

/**
 * One join of a thread: joins on the wire after each reconnect, `Inbound` handles the thread's frames, and the buffer holds messages for
 * readers. Joins of the same thread share its subscription on the wire. It begins anew for each, and the others know what they have.
 */
export class JoinedThread implements ClientThread, Joiner, InboundHost, OlderHost, ReaderBufferHost {
  /** The server names the user's inbox when it has joined it; empty before. */
  id: string;
  readonly settings: ClientSettings;
  readonly values: FedValues | undefined;
  readonly #host: ThreadHost;
  readonly #readers: ReaderBuffer;
  readonly #inbound: Inbound;
  readonly #older: OlderMessages;
  readonly #sharesReaders: boolean;
  /** `start`, until there is a position. */
  readonly #from: string | undefined;
  /** The next attempt to join. */
  readonly #retry: Timer;
  #role: Role;
  #state: ThreadState = 'absent';
  /** Of the newest join on the wire: an answer with another one is of another join, or of one that was left. */
  #ref = 0;
  /** The newest join has no answer yet. */
  #isAsked = false;
  #refusals = 0;
  /** The position that the newest join asked for; undefined for new messages only. */
  #asked: string | undefined;

  /**
   * @param readers shared with other threads
   * @throws InvalidOptionError
   */
  constructor(id: string, from: string | undefined, host: ThreadHost, role: Role, readers?: ReaderBuffer) {
    this.id = id;
    this.settings = host.settings;
    this.#host = host;
    this.#from = from;
    this.#role = role;
    const position = parsePosition(from);
    if (!position && from !== undefined && from !== 'start') {
      throw new InvalidOptionError({ option: 'from', expected: 'position' });
    }
    this.#sharesReaders = !!readers;
    this.values = host.settings.values?.(host, id);
    this.#readers = readers ?? new ReaderBuffer(this);
    this.#inbound = new Inbound(position, this, this.#readers);
    this.#older = new OlderMessages(host, this);
    this.#retry = new Timer(host.settings.clock);
  }

  get position(): string | undefined {
    return this.#inbound.position;
  }

  get streams(): readonly ClientStream[] {
    return this.#inbound.streams.begun;
  }

  follow(streamId: string): ClientStream {
    const stream = this.#inbound.streams.follow(checkId('streamId', streamId));
    if (this.#state === 'over') stream.end();
    return stream;
  }

  loadOlder(options?: HistoryOptions): Promise<Older> {
    return this.#older.load(options);
  }

  on<E extends keyof ThreadEvents>(event: E, listener: (news: ThreadEvents[E]) => unknown): () => void {
    return this.#readers.on(event, listener);
  }

  leave(): void {
    if (this.#state === 'over') return;
    this.#leave();
    this.end();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#readers.iterate();
  }

  // --- the client calls

  /** The connection is open: joins the thread, unless only the application does. */
  join(): void {
    if (this.#role !== 'invited' && !this.#isAsked && this.#isWaiting) this.#host.joins.add(this);
  }

  /**
   * The page joins the thread, and from now on also what only the application had joined rejoins by itself. Returns that if it has no reader
   * yet, unless the page needs other messages.
   */
  claim(from: string | undefined): this | undefined {
    const isFree = this.#role === 'invited' && this.#readers.isUnread;
    if (this.#role === 'invited') this.#role = 'own';
    if (isFree && from) this.end();
    else this.join();
    return isFree && !from ? this : undefined;
  }

  joinFields(ref: number): JoinFields {
    this.#ref = ref;
    this.#isAsked = true;
    this.#asked = this.#wanted;
    const th = this.#role === 'inbox' ? undefined : this.id;
    return { th, ref, from: this.#asked, ...this.values?.asks, ...this.#inbound.partial };
  }

  /** The connection was lost. */
  suspend(): void {
    this.#retry.clear();
    this.#isAsked = false;
    this.#step('lost');
  }

  receive(frame: ThreadFrame): void {
    if (frame.t === 'joined') this.#onJoined(frame);
    else if (frame.t === 'left') this.#onLeft(frame.why);
    else if (frame.t === 'page') this.#older.answer(frame.ref, frame.page);
    else if (frame.t === 'vals') this.values?.take(frame.l, frame.all);
    // frames without a `joined` before them belong to an earlier subscription; values are replaced at the next one
    else if (this.isJoined) this.#inbound.receive(frame);
  }

  /** The server reports an error for this thread: the answer to the join with this number, or to another request. */
  fail(reason: string, ref: number | undefined): void {
    const failure = new ServerError({ reason, threadId: this.id });
    if (!ref) this.emitError(failure);
    if (!ref || this.#older.answer(ref, failure) || this.#isOfOther(ref)) return;
    this.#isAsked = false;
    const isFinal = FINAL_REFUSAL.test(reason);
    if (this.isJoined) {
      // the application has joined meanwhile, and this client may not join
      if (isFinal) this.#role = 'invited';
      return;
    }
    // a connection without a user has no inbox
    if (isFinal && this.id === '') return;
    const error = new JoinRefusedError({ threadId: this.id, reason });
    // iterators throw it
    const isThrown = isFinal && this.#readers.hasIterator;
    if (isFinal) this.end(error);
    else this.#joinAfter(++this.#refusals);
    if (isThrown) this.#readers.emit('error', error);
    else this.emitError(error);
  }

  /** Ends the thread: readers get what they hold, then the end or the error. */
  end(error?: Error): void {
    if (this.#state === 'over') return;
    this.suspend();
    this.#step('ended');
    this.#host.delete(this);
    this.#inbound.streams.endAll();
    this.#older.end();
    if (!this.#sharesReaders) this.#readers.end(error);
  }

  onStream(): void {
    this.#inbound.streams.showAll();
  }

  /** A reader holds less. */
  onTaken(): void {
    if (this.#readers.isHungry(this.settings.maxBuffered / 2) && this.#step('drained')) this.join();
  }

  get isJoined(): boolean {
    return this.#state === 'joined';
  }

  get start(): string | undefined {
    return this.#inbound.start ?? this.position;
  }

  onOffset(offset: number): void {
    this.#host.acks.add(this.id, offset);
  }

  isFirst(id: string): boolean {
    // without a reader, this thread gives nothing to the application
    return this.#host.isFirst(id, this.id, !this.#readers.isUnread);
  }

  cancel(streamId: string): void {
    this.#host.send({ t: 'cancel', th: this.id, s: streamId });
  }

  report(error: unknown): void {
    this.#host.report(error);
  }

  emitError(error: Error): void {
    if (!this.#readers.emit('error', error)) this.report(error);
  }

  /** Not expected of a server that knows our position: starts from the beginning, but with growing delays. */
  onDisorder(times: number): void {
    this.#step('disordered');
    this.#joinAfter(times);
  }

  /** Messages that can be requested again wait on the server, unless a reader keeps up, or only streams or values are read. */
  onOverflow(): void {
    const { maxBuffered } = this.settings;
    if (this.#role === 'invited' || this.#readers.isHungry(maxBuffered / 2, this.values?.has('value'))) {
      this.#readers.overflow(maxBuffered);
      return;
    }
    if (this.#role === 'own') this.#leave();
    this.#step('filled');
  }

  /** Waits for the next `joined`. */
  get #isWaiting(): boolean {
    return this.#state === 'absent' || this.#state === 'outdated';
  }

  #step(step: ThreadStep): boolean {
    const next = nextThreadState(this.#state, step);
    if (next) this.#state = next;
    return !!next;
  }

  #joinAfter(attempts: number): void {
    const { backoff, random } = this.settings;
    if (!attempts) this.join();
    else this.#retry.set(backoffDelay(backoff, attempts, random), () => this.join());
  }

  /** What a join on the wire asks for. */
  get #wanted(): string | undefined {
    return this.position ?? this.#from;
  }

  /** The client has no other join of the thread. */
  get #isAlone(): boolean {
    return !this.#host.joinsOf(this.id)[1];
  }

  /** Other joins of the thread keep the subscription. */
  #leave(): void {
    if (this.#isAlone) this.#host.send({ t: 'leave', th: this.id });
  }

  #onJoined({ position, recovered, ref, streams }: JoinedReply): void {
    if (ref && this.#isOfOther(ref)) {
      if (this.#inbound.isBefore(position) && this.#step('disordered')) this.join();
      return;
    }
    const isAnswer = ref === this.#ref;
    // the application may join for it: if it asked for new messages, that is enough, and later it is reported
    const asked = isAnswer || this.#isAsked ? this.#asked : this.#wanted;
    const isNew = asked === undefined || this.#role === 'invited';
    if (!isAnswer && !this.isJoined && !(isNew && this.#isWaiting)) return;
    if (isAnswer) this.#isAsked = false;
    this.#refusals = 0;
    if (!this.#step('joined')) return;
    this.#inbound.begin(position, isNew && isAnswer, streams);
    this.#readers.emit('joined', { position: formatPosition(position), recovered });
    this.#older.ask();
    // if only the application joins, no gap follows
    if (this.#role === 'invited') this.#inbound.explain();
  }

  #onLeft(reason: string): void {
    // before `joined` it belongs to an earlier subscription, and requests of this one have their own answer
    if (this.#state === 'absent') return;
    // requests sent before this was known must not bring it back
    if (this.#isAsked) this.#leave();
    this.end();
    this.#readers.emit('left', { reason });
  }

  /** Whether it answers another join. If that was left before the application joined this thread, the leave that followed ended both. */
  #isOfOther(ref: number): boolean {
    const isOther = ref !== this.#ref;
    if (isOther && this.#role === 'invited' && this.#isAlone) this.end();
    return isOther;
  }
}
