import { assertThreadId, connectionThreadId, userThreadId } from '../../infra/log/ids.ts';
import { isAllowed } from '../../infra/option-checks.ts';
import type { ClientMessage, Connection } from '../../api/connection.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import type { JoinRequest } from '../thread/join-request.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { ConnectionServices } from './connection-services.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The parts of a connection that its client can reach, and the application that is asked about it. */
export interface SessionParts {
  readonly settings: ConnectionSettings;
  readonly line: ConnectionLine;
  readonly subscriptions: Subscriptions;
  /** As the application knows it. */
  readonly connection: Connection;
  /** Gives a message to the application's listeners; false where there are none. */
  readonly emit: (message: ClientMessage) => boolean;
}

/** What one client may do on its connection, and what it does there. Made with the client's first frame. */
export class ClientSession {
  readonly settings: ConnectionSettings;
  readonly line: ConnectionLine;
  readonly connection: Connection;
  readonly emit: (message: ClientMessage) => boolean;
  readonly #subscriptions: Subscriptions;
  readonly #services: ConnectionServices;

  constructor({ settings, line, subscriptions, connection, emit }: SessionParts, services: ConnectionServices) {
    this.settings = settings;
    this.line = line;
    this.connection = connection;
    this.emit = emit;
    this.#subscriptions = subscriptions;
    this.#services = services;
  }

  get isOver(): boolean {
    return this.line.state === 'evicted';
  }

  isIn(threadId: string): boolean {
    return this.#subscriptions.get(threadId) !== undefined;
  }

  /** How many threads it has joined, without the library's own. */
  get joinedThreads(): number {
    const { id, userId } = this.settings;
    const ofUser = userId !== undefined && this.isIn(userThreadId(userId)) ? 1 : 0;
    return this.#subscriptions.size - ofUser - (this.isIn(connectionThreadId(id)) ? 1 : 0);
  }

  /** Few of its answers wait to be written: a client is answered no faster than it reads. */
  get takesAnswers(): boolean {
    return this.line.writer.takesNotices;
  }

  /** No answer waits: a client that asks for many threads is given no more than it reads. */
  get takesJoins(): boolean {
    return this.line.writer.admit('message') === 'now';
  }

  /** Whether the client may publish there: it is in the thread, or could be. */
  async mayPublish(threadId: string): Promise<boolean> {
    return this.isIn(threadId) || (await this.#mayJoin(threadId));
  }

  /** False where it may not, or where the application has taken it out of the thread since it asked. */
  join(threadId: string, from: string | undefined, request?: JoinRequest): Promise<boolean> {
    return this.#subscriptions.joinIf(() => this.#mayJoin(threadId), threadId, from, request);
  }

  /** The client asks for what is sent to its user; false where it has none. */
  async openInbox(from: string | undefined, request?: JoinRequest): Promise<boolean> {
    const { userId } = this.settings;
    if (userId === undefined) return false;
    return this.#subscriptions.joinIf(() => true, userThreadId(userId), from, request);
  }

  leave(threadId: string): void {
    assertThreadId(threadId);
    this.#subscriptions.leave(threadId);
  }

  /** After a refused join: where the application has joined this thread for its client, that holds. */
  greetMember(threadId: string, ref: number | undefined): void {
    this.#subscriptions.greetMember(threadId, ref);
  }

  /** The client asks for the end of a token stream; false where it may not. */
  cancelStream(threadId: string, streamId: string): boolean | Promise<boolean> {
    assertThreadId(threadId);
    const { id, userId } = this.settings;
    return this.#subscriptions.cancelStream(threadId, streamId, { connectionId: id, userId });
  }

  /** The client says that it has everything up to this offset; false where that is no news, or cannot be true. */
  ack(threadId: string, offset: number): boolean {
    return this.#subscriptions.get(threadId)?.ack(offset) ?? false;
  }

  async #mayJoin(threadId: string): Promise<boolean> {
    assertThreadId(threadId);
    const answer: unknown = await withDeadline('authorize', this.settings.authorize(threadId), this.#services);
    return isAllowed('authorize()', answer, this.#services.report);
  }
}
