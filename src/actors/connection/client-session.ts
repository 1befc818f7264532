import { assertThreadId, userThreadId } from '../../infra/log/ids.ts';
import { isAllowed } from '../../infra/option-checks.ts';
import type { ClientMessage, Connection } from '../../api/connection.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { ProtocolSession } from '../../api/protocol.ts';
import type { Refusal } from '../../api/refusal.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import { onceKnown } from '../support/once-known.ts';
import type { JoinRequest } from '../thread/join-request.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { ConnectionServices } from './connection-services.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import { ProtocolPeer } from './protocol-peer.ts';
import type { SessionParts } from './session-parts.ts';
import type { SessionTerm } from './session-term.ts';
import type { Subscriptions } from './subscriptions.ts';

/** What one client may do on its connection. Created with the client's first frame. */
export class ClientSession {
  readonly settings: ConnectionSettings;
  readonly line: ConnectionLine;
  readonly connection: Connection;
  readonly emit: (message: ClientMessage) => boolean;
  readonly #subscriptions: Subscriptions;
  readonly #term: SessionTerm | undefined;
  readonly #services: ConnectionServices;

  readonly #parts: SessionParts;

  constructor(parts: SessionParts, services: ConnectionServices) {
    const { settings, line, subscriptions, term, connection, emit } = parts;
    this.#parts = parts;
    this.settings = settings;
    this.line = line;
    this.connection = connection;
    this.emit = emit;
    this.#subscriptions = subscriptions;
    this.#term = term;
    this.#services = services;
  }

  /** @param pay charges the client's budget */
  openProtocol(pay: (points: number) => boolean): ProtocolSession | undefined {
    const { protocol } = this.settings;
    return protocol?.open(new ProtocolPeer(this.#parts, this.#services, pay));
  }

  get isOver(): boolean {
    return this.line.state === 'evicted';
  }

  isIn(threadId: string): boolean {
    return this.#subscriptions.get(threadId) !== undefined;
  }

  /** How many threads it has joined, not counting the library's own. */
  get joinedThreads(): number {
    return this.#subscriptions.joined;
  }

  /** Messages of its threads are still to be written. */
  get isBehind(): boolean {
    return this.#subscriptions.behind > 0;
  }

  /** Few answers wait to be written: the client is answered no faster than it reads. */
  get takesAnswers(): boolean {
    return this.line.writer.takesNotices;
  }

  /** No answer waits: a client that joins many threads is let in no faster than it reads. */
  get takesJoins(): boolean {
    return this.line.writer.admit('message') === 'now';
  }

  /** Whether the client may publish there: it is in the thread, or may join it. */
  async mayPublish(threadId: string): Promise<boolean> {
    return this.isIn(threadId) || (await this.#mayJoin(threadId));
  }

  /** False if it may not, or if the application has removed it from the thread since it asked. */
  join(threadId: string, from: string | undefined, request?: JoinRequest): MaybePromise<boolean> {
    return this.#subscriptions.joinIf(() => this.#mayJoin(threadId), threadId, from, request);
  }

  /** Joins the messages for the client's user; false if the connection has no user. */
  openInbox(from: string | undefined, request?: JoinRequest): MaybePromise<boolean> {
    const { userId } = this.settings;
    if (userId === undefined) return false;
    return this.#subscriptions.joinIf(() => true, userThreadId(userId), from, request);
  }

  leave(threadId: string): void {
    assertThreadId(threadId);
    this.#subscriptions.leave(threadId, 'left');
  }

  /** After a refused join: if the application has joined this thread for the client, the client is in it. */
  greetMember(threadId: string, ref: number | undefined): void {
    this.#subscriptions.greetMember(threadId, ref);
  }

  /** Cancels a token stream for the client; false if it may not. */
  cancelStream(threadId: string, streamId: string): boolean | Promise<boolean> {
    assertThreadId(threadId);
    const { id, userId } = this.settings;
    return this.#subscriptions.cancelStream(threadId, streamId, { connectionId: id, userId });
  }

  /** The client acknowledges everything up to this offset; false if that is not new or not plausible. */
  ack(threadId: string, offset: number): boolean {
    return this.#subscriptions.get(threadId)?.ack(offset) ?? false;
  }

  /** Renews the session with a fresh token; see `SessionTerm`. */
  async renew(token: string | undefined): Promise<true | Refusal | 'unasked'> {
    return (await this.#term?.renew(token)) ?? 'unasked';
  }

  #mayJoin(threadId: string): MaybePromise<boolean> {
    assertThreadId(threadId);
    const { rules, session } = this.settings;
    const answer = withDeadline('authorize', rules.authorize(session, threadId), this.#services);
    return onceKnown(answer, (known: unknown) => isAllowed('authorize()', known, this.#services.report));
  }
}
