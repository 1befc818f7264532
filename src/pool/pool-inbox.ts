import type { Inbox, InboxEvents, Message } from '../client/api.ts';
import type { JoinedReply, ThreadFrame } from '../client/frames.ts';
import { ReaderBuffer, type ReaderBufferHost } from '../client/reader-buffer.ts';
import type { Role } from '../client/thread-host.ts';
import { JoinedThread } from '../client/thread.ts';
import type { HubLine, LineInbox } from './hub-line.ts';
import { LineHost, type RouteHost } from './line-host.ts';

/** How the threads begin that have the messages to one connection. */
const OF_CONNECTION = '~connection:';

/** The inbox's part of one line, or of the line that it uses now. */
class InboxPart extends LineHost {
  thread: JoinedThread;
  readonly #role: Role;
  readonly #readers: ReaderBuffer;

  /** @throws InvalidOptionError */
  constructor(
    role: Role,
    readers: ReaderBuffer,
    host: RouteHost,
    of: { readonly line?: HubLine; readonly from?: string | undefined },
  ) {
    super(host, of.line);
    this.#role = role;
    this.#readers = readers;
    this.thread = new JoinedThread('', of.from, this, role, readers);
  }

  use(line: HubLine | undefined): void {
    this.line = line;
  }

  receive(frame: ThreadFrame): void {
    if (frame.th === this.thread.id) this.thread.receive(frame);
    else if (frame.t === 'joined') this.#onNamed(frame);
  }

  joinsOf(): readonly JoinedThread[] {
    return [this.thread];
  }

  /** It has ended: the next one replaces it. */
  delete(thread: JoinedThread): void {
    this.joins.delete(thread);
    if (thread === this.thread) this.thread = new JoinedThread('', undefined, this, this.#role, this.#readers);
  }

  /** The hub has joined a thread for the connection: the first one, or that of another user, after a new token. */
  #onNamed(frame: JoinedReply): void {
    const isFirst = this.thread.id === '';
    if (!isFirst) this.thread.end();
    this.thread.id = frame.th;
    this.thread.receive(isFirst ? frame : { ...frame, ref: undefined });
  }
}

/**
 * What hubs send without one of the pool's threads. Each connection has messages of its own, `connection.send()`. Those to the user,
 * `hub.user(id).send()`, reach all connections of the pool: the inbox takes them from one, and goes on over another when that is lost.
 */
export class PoolInbox implements Inbox, LineInbox, ReaderBufferHost {
  readonly #host: RouteHost;
  readonly #readers: ReaderBuffer;
  readonly #ofUser: InboxPart;
  readonly #ofConnections = new Map<HubLine, InboxPart>();
  /** Without a reader, missed messages are requested only if the application says from where, or a hub has named the user's messages. */
  #isResumed: boolean;
  #isOver = false;

  /** @throws InvalidOptionError */
  constructor(host: RouteHost) {
    const { from } = host.threadSettings.inbox;
    this.#host = host;
    this.#readers = new ReaderBuffer(this, ['message', 'replaced', 'removed', 'gap']);
    this.#isResumed = from !== undefined;
    this.#ofUser = new InboxPart('inbox', this.#readers, host, { from });
  }

  get position(): string | undefined {
    return this.#ofUser.thread.position;
  }

  on<E extends keyof InboxEvents>(event: E, listener: (news: InboxEvents[E]) => unknown): () => void {
    const off = this.#readers.on(event, listener);
    this.#ask();
    return off;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    const iterator = this.#readers.iterate();
    this.#ask();
    return iterator;
  }

  // --- the buffer calls

  report(error: unknown): void {
    this.#host.report(error);
  }

  onTaken(): void {
    for (const { thread } of [this.#ofUser, ...this.#ofConnections.values()]) thread.onTaken();
  }

  // --- the pool calls

  /** A connection is open. */
  opened(line: HubLine): void {
    this.#ofConnections.set(line, new InboxPart('invited', this.#readers, this.#host, { line }));
    if (this.#ofUser.line === undefined) this.#use(line);
  }

  /** A connection is lost, and with it messages to it alone. @param next another one that is open */
  lost(line: HubLine, next: HubLine | undefined): void {
    const part = this.#ofConnections.get(line);
    this.#ofConnections.delete(line);
    part?.thread.end();
    if (this.#ofUser.line !== line || this.#isOver) return;
    this.#ofUser.thread.suspend();
    this.#use(next);
  }

  reads(line: HubLine, threadId: string): boolean {
    return threadId.startsWith(OF_CONNECTION) || (threadId.startsWith('~') && line === this.#ofUser.line);
  }

  receive(line: HubLine, frame: ThreadFrame): void {
    if (frame.th.startsWith(OF_CONNECTION)) this.#ofConnections.get(line)?.receive(frame);
    else if (line === this.#ofUser.line) this.#ofUser.receive(frame);
    // when the inbox goes on over this one, the hub does not say so again
    else this.#isResumed = true;
  }

  /** The join of the user's messages was refused. */
  fail(line: HubLine, code: string, ref: number | undefined): void {
    if (line === this.#ofUser.line) this.#ofUser.thread.fail(code, ref);
  }

  end(): void {
    this.#isOver = true;
    for (const { thread } of [this.#ofUser, ...this.#ofConnections.values()]) thread.end();
    this.#ofConnections.clear();
    this.#readers.end();
  }

  #use(line: HubLine | undefined): void {
    this.#ofUser.use(line);
    this.#ask();
  }

  /** Before the first message arrives, so that none is missed when the line is lost. */
  #ask(): void {
    const { line, thread } = this.#ofUser;
    const isWanted = this.#isResumed || thread.id !== '' || !this.#readers.isUnread;
    if (line !== undefined && line.hasInbox && isWanted) thread.join();
  }
}
