import { assertCloseFrame, closeCodes, type CloseCode } from '../../infra/wire/close-codes.ts';
import type { Frame } from '../../api/entry.ts';
import { connectionThreadId } from '../../infra/log/ids.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import type { ConnectionServices } from './connection-services.ts';
import { Emitter, guarded } from '../support/emitter.ts';
import { MOST_IN_PAGE } from '../thread/history-pages.ts';
import { checkSendOptions } from '../thread/resolve-send-options.ts';
import { ConnectionLine } from './connection-line.ts';
import { statsOf } from './connection-stats.ts';
import { DeliverySide } from './delivery-side.ts';
import { resolveJoin, resolveLeave } from './resolve-join-options.ts';
import { MAX_LIST, notices, type InboxJoin, type Join } from './wire-protocol.ts';
import { ClientInput } from './client-input.ts';
import { ClientSession } from './client-session.ts';
import { spreadMs } from './reconnect-spread.ts';
import { SessionTerm } from './session-term.ts';
import type { Link, LinkListener } from '../../api/socket.ts';
import type {
  ClientMessage,
  Connection,
  ConnectionEvents,
  ConnectionState,
  ConnectionStats,
  JoinOptions,
  LeaveOptions,
} from '../../api/connection.ts';
import type { Listener } from '../../api/listener.ts';
import type { Receipt } from '../../api/receipt.ts';
import type { SendOptions } from '../../api/message.ts';

const EVENTS: Readonly<Record<keyof ConnectionEvents, true>> = { message: true, state: true, evicted: true };

/**
 * One connection: the object that the application holds, and the receiver of events from the hub, the link and the machine. Its line, its
 * delivery side and its client input do the work. Ten thousand connections are idle most of the time, so parts that an idle one does not
 * need are created on demand.
 */
export class ConnectionActor implements Connection, LinkListener {
  readonly id: string;
  readonly #settings: ConnectionSettings;
  readonly #services: ConnectionServices;
  readonly line: ConnectionLine;
  readonly delivery: DeliverySide;
  /** Undefined if its session does not expire. */
  readonly #term: SessionTerm | undefined;
  /** On the hub's clock. */
  readonly acceptedAt: number;
  /** The threads that it was in when it ended, for `evicted` listeners. */
  #lastThreads: readonly string[] | undefined;
  #listeners: Emitter<ConnectionEvents> | undefined;
  #input: ClientInput | undefined;
  /** The `connection` event has been, so `evicted` may come. */
  #isAnnounced = false;

  constructor(settings: ConnectionSettings, services: ConnectionServices) {
    this.id = settings.id;
    this.#settings = settings;
    this.#services = services;
    this.line = new ConnectionLine(settings, services);
    this.delivery = new DeliverySide(this, settings, this.line, services);
    if (settings.session.expiresAt !== undefined) this.#term = new SessionTerm(settings, this.line, services);
    this.acceptedAt = Math.floor(services.now());
  }

  /** Creates the link, whose events may come before it is complete. If that throws, there is no connection. */
  attach(makeLink: (listener: LinkListener) => Link): void {
    try {
      this.line.attach(makeLink(this));
    } catch (error) {
      const { code, reason } = closeCodes.normal;
      this.line.machine.send({ type: 'closed', code, reason });
      this.#input?.end();
      throw error;
    }
  }

  /** Begins to deliver, once the hub can find the connection. If it has already ended, it is cleaned up now. */
  start(): void {
    const { machine } = this.line;
    if (this.state === 'evicted') {
      const { code, reason } = machine.context.eviction;
      return this.terminate(code, reason);
    }
    const { isInspected, status, settings, connections } = this.#services;
    if (isInspected) machine.start();
    // nothing waits yet, so the scheduler has nothing to go on with
    else this.line.writer.open();
    const { maxInputBytes: maxBytes } = this.#settings;
    const limits = { maxBytes, list: MAX_LIST, history: MOST_IN_PAGE.messages, binary: maxBytes };
    const times = { pingMs: settings.liveness.heartbeatMs, spreadMs: spreadMs(connections.size) };
    this.sendNotice(notices.hello(this.id, times, limits, status.isLogUp));
  }

  // --- Connection

  get userId(): string | undefined {
    return this.#settings.userId;
  }

  get data(): unknown {
    return this.#settings.session.data;
  }

  get state(): ConnectionState {
    return this.line.state;
  }

  get threads(): readonly string[] {
    return this.#lastThreads ?? this.delivery.subscriptions.threads;
  }

  get stats(): ConnectionStats {
    const { line, acceptedAt, delivery } = this;
    return statsOf({ line, subscriptions: delivery.subscriptions, acceptedAt }, this.#services.now());
  }

  on<E extends keyof ConnectionEvents>(event: E, listener: Listener<ConnectionEvents[E]>): () => void {
    if (event === 'state') this.line.machine.watch((from, to) => this.#emit('state', { from, to }));
    this.#listeners ??= new Emitter(this.#services.report, EVENTS);
    return this.#listeners.on(event, listener);
  }

  async join(threadId: string, options: JoinOptions = {}): Promise<void> {
    await this.delivery.subscriptions.join(threadId, resolveJoin(threadId, options));
  }

  leave(threadId: string, options: LeaveOptions = {}): void {
    const reason = resolveLeave(threadId, options);
    if (this.delivery.subscriptions.leave(threadId, reason)) this.sendNotice(notices.left(threadId, reason));
  }

  /** Sends to this connection alone, in a thread of its own. So everything that holds for a thread holds here too. */
  async send(message: unknown, options?: SendOptions): Promise<Receipt> {
    checkSendOptions(options);
    const threadId = connectionThreadId(this.id);
    await this.joinOwn(threadId);
    return (await this.#services.threads.open(threadId)).send(message, options);
  }

  close(code: number = closeCodes.normal.code, reason: string = closeCodes.normal.reason): void {
    assertCloseFrame(code, reason);
    this.line.machine.send({ type: 'evict', code, reason });
  }

  trip(): void {
    this.line.machine.send({ type: 'trip' });
  }

  reset(): void {
    this.line.machine.send({ type: 'reset' });
  }

  // --- for the hub

  isIn(threadId: string): boolean {
    return this.delivery.subscriptions.get(threadId) !== undefined;
  }

  /** Joins one of the library's own threads, which no public call can name. */
  async joinOwn(threadId: string): Promise<void> {
    if (this.#settings.isReader === true) return undefined;
    return this.delivery.subscriptions.join(threadId, undefined);
  }

  /** The joins that the client's URL asks for. */
  joinFromUrl(joins: readonly (Join | InboxJoin)[]): void {
    this.#openInput().join(joins);
  }

  /** Sends a frame of the protocol. A client that lets too many of them wait is evicted. */
  sendNotice(notice: Frame): void {
    this.line.sendNotice(notice);
  }

  evict(code: CloseCode): void {
    this.line.evict(code);
  }

  /** Another connection needs its place; see `DeadLines`. */
  askForLife(): () => boolean {
    const { liveness, writer } = this.line;
    let hasAnswered = (): boolean => false;
    guarded(() => {
      hasAnswered = liveness.ask(this.#services.now(), writer.bytes);
    }, this.#services.report);
    return hasAnswered;
  }

  /** @param lostMs how long the event loop stood still; unless it is 0, no client is judged as stalled */
  sweep(now: number, lostMs: number): void {
    const { subscriptions } = this.delivery;
    if (this.line.sweep(now, lostMs)) this.delivery.resume();
    this.#services.unfinished.examine(this.line);
    this.#term?.sweep(now);
    if (subscriptions.isWanted || this.state === 'tripped' || this.state === 'evicted') return;
    // pongs are automatic and do not show that the client uses the connection
    const { leftAt = -Infinity } = subscriptions;
    const usedAt = Math.max(this.acceptedAt, leftAt, this.#input?.heardAt ?? -Infinity);
    if (now - usedAt >= this.#services.settings.idleConnectionMs) this.evict(closeCodes.idle);
  }

  /** Effect of the machine: the connection has ended. */
  terminate(code: number, reason: string): void {
    this.#lastThreads = this.delivery.end();
    this.line.end(code, reason);
    this.#input?.end();
    this.#services.unfinished.forget(this.line);
    if (this.#isAnnounced) this.#leave({ code, reason });
  }

  /** The application knows of it now, and then of its end, which may have come before. */
  announced(): void {
    this.#isAnnounced = true;
    if (this.state === 'evicted') this.#leave(this.line.machine.context.eviction);
  }

  #leave(end: ConnectionEvents['evicted']): void {
    this.#services.connections.leave(this.id, end);
    this.#emit('evicted', end);
  }

  // --- LinkListener

  onDrain(): void {
    this.delivery.onDrain();
  }

  onLanding(): void {
    this.delivery.onLanding();
  }

  onPing(): void {
    this.line.liveness.heard(this.#services.now());
    this.#onControl();
  }

  onPong(seq: number): void {
    if (!this.delivery.onPong(seq)) this.#onControl();
  }

  onMessage(data: Uint8Array, isBinary: boolean): void {
    const now = this.#services.now();
    this.line.liveness.heard(now);
    if (this.state === 'evicted' || this.#term?.isOver(now) === true) this.#ignore(data.length);
    else this.#openInput().take(data, isBinary, this.line.readBytes);
  }

  onClose(code: number, reason: string): void {
    this.line.closed(code, reason);
  }

  onBroken(error: unknown): void {
    this.line.onBroken(error);
  }

  /** The client has pinged, or sent a pong that answers no ping of ours. */
  #onControl(): void {
    if (this.state === 'evicted') this.#ignore(0);
    else this.#openInput().takeControl();
  }

  #ignore(bytes: number): void {
    this.#input?.ignore(this.line.readBytes);
    this.line.heardAfterEnd(bytes);
  }

  #openInput(): ClientInput {
    if (this.#input !== undefined) return this.#input;
    const { subscriptions } = this.delivery;
    const emit = (message: ClientMessage): boolean => this.#emit('message', message);
    const parts = {
      settings: this.#settings,
      line: this.line,
      subscriptions,
      term: this.#term,
      connection: this,
      emit,
    };
    return (this.line.input = this.#input = new ClientInput(new ClientSession(parts, this.#services), this.#services));
  }

  /** False if there are no listeners. */
  #emit<E extends keyof ConnectionEvents>(event: E, news: ConnectionEvents[E]): boolean {
    return this.#listeners?.emit(event, news) ?? false;
  }
}
