import { ReaderBuffer, type ReaderBufferHost } from './reader-buffer.ts';
import { JoinedThread } from './thread.ts';
import type { Inbox, InboxEvents, Message } from './api.ts';
import type { JoinedReply, ThreadFrame } from './frames.ts';
import type { Role, ThreadHost } from './thread-host.ts';

/** Messages that the server sends without one of the application's threads: to this client's connection, and to its user. */
export class ClientInbox implements Inbox, ReaderBufferHost {
  readonly #host: ThreadHost;
  readonly #readers: ReaderBuffer;
  /** Resumes after a reconnect. */
  #ofUser: JoinedThread;
  /** Without a reader, missed messages are requested only if the page says from where. */
  readonly #isResumed: boolean;
  /** Ends with the connection. */
  #ofConnection: JoinedThread;
  /** The server has received the join of the user's messages. */
  #canAsk = false;

  /**
   * @param from the position of an earlier page
   * @throws InvalidOptionError
   */
  constructor(host: ThreadHost, from: string | undefined) {
    this.#host = host;
    this.#readers = new ReaderBuffer(this, ['message', 'replaced', 'removed', 'gap']);
    this.#isResumed = from !== undefined;
    this.#ofUser = this.#open('inbox', from);
    this.#ofConnection = this.#open('invited');
  }

  get position(): string | undefined {
    return this.#ofUser.position;
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
    for (const thread of this.#threads) thread.onTaken();
  }

  // --- the client calls

  /** The connection is open. */
  greeted(canAsk: boolean): void {
    this.#canAsk = canAsk;
    this.#ask();
  }

  /** The connection was lost, and with it messages to it alone. */
  suspend(): void {
    this.#canAsk = false;
    this.#ofUser.suspend();
    this.#ofConnection.end();
  }

  end(error?: Error): void {
    for (const thread of this.#threads) thread.end();
    this.#readers.end(error);
  }

  receive(frame: ThreadFrame): void {
    const thread = this.#threadOf(frame.th);
    if (frame.th === thread.id) thread.receive(frame);
    else if (frame.t === 'joined') this.#onNamed(frame);
  }

  /** The join of the user's messages was refused. */
  fail(code: string, ref: number | undefined): void {
    this.#ofUser.fail(code, ref);
  }

  /** The next one replaces it. */
  delete(thread: { readonly id: string }): void {
    if (thread === this.#ofUser) this.#ofUser = this.#open('inbox');
    if (thread === this.#ofConnection) this.#ofConnection = this.#open('invited');
  }

  get #threads(): JoinedThread[] {
    return [this.#ofUser, this.#ofConnection];
  }

  #open(role: Role, from?: string): JoinedThread {
    return new JoinedThread('', from, this.#host, role, this.#readers);
  }

  /**
   * The server has joined a thread with a name that the client does not know: the first one, or that of another user, after a new token.
   */
  #onNamed(frame: JoinedReply): void {
    const isFirst = this.#threadOf(frame.th).id === '';
    if (!isFirst) this.#threadOf(frame.th).end();
    const thread = this.#threadOf(frame.th);
    thread.id = frame.th;
    // this client has asked nothing of another user's thread
    thread.receive(isFirst ? frame : { ...frame, ref: undefined });
  }

  #threadOf(id: string): JoinedThread {
    return id.startsWith('~connection:') ? this.#ofConnection : this.#ofUser;
  }

  /** Before the first message arrives, so that none is missed when the line is lost. */
  #ask(): void {
    const isWanted = this.#isResumed || this.#ofUser.id !== '' || !this.#readers.isUnread;
    if (this.#canAsk && isWanted) this.#ofUser.join();
  }
}
