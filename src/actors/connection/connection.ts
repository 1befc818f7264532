import { assertCloseFrame, assertReason, closeCodes } from '../../infra/wire/close-codes.ts';
import { isAllowed } from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { assertThreadId, connectionThreadId, parsePosition, userThreadId } from '../../infra/log/ids.ts';
import type { Eviction } from '../../machines/index.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import type { ConnectionServices } from './connection-services.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import type { JoinRequest } from '../thread/join-request.ts';
import { Emitter, guarded } from '../support/emitter.ts';
import { checkSendOptions } from '../thread/resolve-send-options.ts';
import { DeliverySide } from './delivery-side.ts';
import { MAX_LIST, notices, type Inbox, type Join } from './wire-protocol.ts';
import { ClientInput } from './client-input.ts';
import type { Link, LinkListener } from '../../api/socket.ts';
import type {
  AcceptOptions,
  Connection,
  ConnectionEvents,
  ConnectionStats,
  JoinOptions,
  LeaveOptions,
} from '../../api/connection.ts';
import type { Listener } from '../../api/listener.ts';
import type { Receipt } from '../../api/receipt.ts';
import type { SendOptions } from '../../api/message.ts';

const EVENTS: Readonly<Record<keyof ConnectionEvents, true>> = { message: true, state: true, evicted: true };
const JOIN_OPTIONS: OptionTable<JoinOptions> = { from: 'text' };
const LEAVE_OPTIONS: OptionTable<LeaveOptions> = { reason: 'text' };

/** One connection, as the application has it and its client talks to it; what is delivered to it goes by the `DeliverySide`. */
export class ConnectionActor extends DeliverySide implements Connection {
  readonly userId: string | undefined;
  readonly clientId: string | undefined;
  readonly data: unknown;
  readonly authorize: (threadId: string) => boolean | Promise<boolean>;
  /** The application's; see `AttachOptions.onPublish`. */
  readonly onPublish: AcceptOptions['onPublish'];
  /** Whose input budget it shares with others; see `AcceptOptions.address`. */
  readonly address: string | undefined;
  /** Of one frame of its client's: a larger one is refused. */
  readonly maxInputBytes: number;
  /** Of one frame of its client's: a larger one ends the connection. */
  readonly maxFrameBytes: number;
  readonly #acceptedAt: number;
  /** Those that it was in at its end, for `evicted` listeners. */
  #lastThreads: readonly string[] | undefined;
  /** Made when they are needed, which is never for most. */
  #listeners: Emitter<ConnectionEvents> | undefined;
  #input: ClientInput | undefined;

  constructor(makeLink: (listener: LinkListener) => Link, settings: ConnectionSettings, engine: ConnectionServices) {
    super(makeLink, settings, engine);
    this.userId = settings.userId;
    this.clientId = settings.clientId;
    this.data = settings.data;
    this.authorize = settings.authorize;
    this.onPublish = settings.onPublish;
    this.address = settings.address;
    this.maxInputBytes = settings.maxInputBytes;
    this.maxFrameBytes = settings.maxFrameBytes;
    this.#acceptedAt = engine.now();
  }

  override start(): void {
    super.start();
    const { isLogUp, settings } = this.engine;
    const limits = { maxBytes: this.maxInputBytes, list: MAX_LIST };
    this.tell(notices.hello(this.id, settings.vitals.heartbeatMs, limits, isLogUp));
  }

  get threads(): readonly string[] {
    return this.#lastThreads ?? this.memberships.threads;
  }

  get stats(): ConnectionStats {
    const { path, context } = this.machine;
    const { attempt, failures, trips } = context;
    const { messages, bytes, unsentBytes } = this.outbox;
    const { behind, lag } = this.memberships;
    const ageMs = this.engine.now() - this.#acceptedAt;
    const { roundTripMs } = this.vitals;
    return { path, ageMs, lag, roundTripMs, messages, bytes, unsentBytes, behind, attempt, failures, trips };
  }

  on<E extends keyof ConnectionEvents>(event: E, listener: Listener<ConnectionEvents[E]>): () => void {
    if (event === 'state') this.machine.watch((from, to) => this.emit('state', { from, to }));
    this.#listeners ??= new Emitter(this.engine.report, EVENTS);
    return this.#listeners.on(event, listener);
  }

  /** False where nobody listens. */
  emit<E extends keyof ConnectionEvents>(event: E, news: ConnectionEvents[E]): boolean {
    return this.#listeners?.emit(event, news) ?? false;
  }

  async join(threadId: string, options: JoinOptions = {}): Promise<void> {
    assertThreadId(threadId);
    checkOptions<JoinOptions>(options, JOIN_OPTIONS);
    const { from } = options;
    if (from !== undefined && from !== 'start') parsePosition(from);
    await this.memberships.join(threadId, from);
  }

  /** One of the library's own threads, which no public call can name. */
  joinOwn(threadId: string): Promise<void> {
    return this.memberships.join(threadId, undefined);
  }

  /** Whether its client may join this thread by itself. */
  async mayJoin(threadId: string): Promise<boolean> {
    assertThreadId(threadId);
    const answer: unknown = await withDeadline('authorize', this.authorize(threadId), this.engine);
    return isAllowed('authorize()', answer, this.engine.report);
  }

  isIn(threadId: string): boolean {
    return this.memberships.get(threadId) !== undefined;
  }

  /** Whether its client may publish there: it is in the thread, or could be. */
  async mayPublish(threadId: string): Promise<boolean> {
    return this.isIn(threadId) || (await this.mayJoin(threadId));
  }

  /** The client asks for it; false where it may not, or where the application has taken it out of the thread since it asked. */
  joinByRequest(threadId: string, from: string | undefined, wish?: JoinRequest): Promise<boolean> {
    return this.memberships.joinIf(() => this.mayJoin(threadId), threadId, from, wish);
  }

  /** The client asks for what is sent to its user; false where it has none. */
  async openInbox(from: string | undefined, wish?: JoinRequest): Promise<boolean> {
    if (this.userId === undefined) return false;
    return this.memberships.joinIf(() => true, userThreadId(this.userId), from, wish);
  }

  /** The client asks for the end of a token stream; false where it may not. */
  cancelStream(threadId: string, streamId: string): boolean | Promise<boolean> {
    return this.memberships.cancelStream(threadId, streamId, { connectionId: this.id, userId: this.userId });
  }

  leave(threadId: string, options: LeaveOptions = {}): void {
    assertThreadId(threadId);
    checkOptions<LeaveOptions>(options, LEAVE_OPTIONS);
    const { reason = 'kicked' } = options;
    assertReason(reason, 1);
    if (this.memberships.leave(threadId)) this.tell(notices.left(threadId, reason));
  }

  /** Its client asks for it, and need not be told. */
  leaveByRequest(threadId: string): void {
    assertThreadId(threadId);
    this.memberships.leave(threadId);
  }

  /** After a refused join: where the application has joined this thread for its client, that holds. */
  greetMember(threadId: string, ref: number | undefined): void {
    this.memberships.greetMember(threadId, ref);
  }

  /** To this connection alone: a thread of its own, so that everything that holds for a thread holds here too. */
  async send(message: unknown, options?: SendOptions): Promise<Receipt> {
    checkSendOptions(options);
    const threadId = connectionThreadId(this.id);
    await this.joinOwn(threadId);
    return (await this.engine.openThread(threadId)).send(message, options);
  }

  close(code: number = closeCodes.normal.code, reason: string = closeCodes.normal.reason): void {
    assertCloseFrame(code, reason);
    this.machine.tell({ type: 'evict', code, reason });
  }

  /** Somebody wants its place; see `DeadLines`. */
  askForLife(): () => boolean {
    let hasAnswered = (): boolean => false;
    guarded(() => {
      hasAnswered = this.vitals.ask(this.engine.now(), this.outbox.bytes);
    }, this.engine.report);
    return hasAnswered;
  }

  trip(): void {
    this.machine.tell({ type: 'trip' });
  }

  reset(): void {
    this.machine.tell({ type: 'reset' });
  }

  /** The client says that it has everything up to this offset; false where that is no news, or cannot be true. */
  ack(threadId: string, offset: number): boolean {
    return this.memberships.get(threadId)?.ack(offset) ?? false;
  }

  /** What the client's URL asks for. */
  joinFromUrl(joins: readonly (Join | Inbox)[]): void {
    this.#openInput().join(joins);
  }

  /** How many threads it has joined, without the library's own. */
  get joinedThreads(): number {
    const ofUser = this.userId !== undefined && this.isIn(userThreadId(this.userId)) ? 1 : 0;
    return this.subscriptions - ofUser - (this.isIn(connectionThreadId(this.id)) ? 1 : 0);
  }

  /** Few of its answers wait to be written: a client is answered no faster than it reads. */
  get takesAnswers(): boolean {
    return this.outbox.takesNotices;
  }

  /** None of them does: a client that asks for many threads is given no more than it reads. */
  get takesJoins(): boolean {
    return this.outbox.isOpen && !this.outbox.isUnfinished;
  }

  override onAnswersTaken(): void {
    this.#input?.goOn();
  }

  // --- Peer

  onMessage(data: Uint8Array, isBinary: boolean): void {
    this.vitals.heard(this.engine.now());
    if (this.state === 'evicted') this.#ignore(data.length);
    else this.#openInput().take(data, isBinary, this.link.readBytes);
  }

  protected override onControl(): void {
    if (this.state === 'evicted') this.#ignore(0);
    else this.#openInput().takeControl();
  }

  #ignore(bytes: number): void {
    this.#input?.ignore(this.link.readBytes);
    this.heardAfterEnd(bytes);
  }

  override onDrain(): void {
    super.onDrain();
    this.#input?.goOn();
  }

  override sweep(now: number, isFair: boolean): void {
    super.sweep(now, isFair);
    if (this.memberships.isWanted || this.state === 'tripped' || this.state === 'evicted') return;
    // answers to pings come by themselves, and are no sign that somebody is there
    const { leftAt = -Infinity } = this.memberships;
    const usedAt = Math.max(this.#acceptedAt, leftAt, this.#input?.heardAt ?? -Infinity);
    if (now - usedAt >= this.engine.settings.idleConnectionMs) this.evict(closeCodes.idle);
  }

  protected override onEnd(end: Eviction, threads: readonly string[]): void {
    this.#lastThreads = threads;
    this.#input?.end();
    this.engine.forgetConnection(this.id, end);
    this.emit('evicted', end);
  }

  #openInput(): ClientInput {
    return (this.#input ??= new ClientInput(this, this.link, this.engine));
  }

  protected override onLinkEnd(): void {
    this.engine.forgetLink(this.id);
  }
}
