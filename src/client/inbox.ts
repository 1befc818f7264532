import type { Inbox, InboxEvents, Message } from './api.ts';
import type { JoinWish, ThreadFrame } from './frames.ts';
import type { Joiner } from './join-queue.ts';
import { Readers } from './readers.ts';
import { JoinedThread, type ThreadHost } from './thread.ts';

/** What is sent to a connection alone comes in a thread of this name, which ends with the connection. */
const OF_CONNECTION = /^~connection:/;

/** What the server sends to this client without a thread of the application's: to its connection, and to its user. */
export class ClientInbox implements Inbox, Joiner {
  readonly #host: ThreadHost;
  readonly #readers: Readers;
  readonly #threads = new Map<string, JoinedThread>();
  /** Of its newest question for the user's messages. */
  #ref = 0;
  /** The server knows the question. */
  #canAsk = false;

  constructor(host: ThreadHost) {
    this.#host = host;
    this.#readers = new Readers({
      report: (error) => host.report(error),
      onTaken: () => {
        for (const thread of this.#threads.values()) thread.onTaken();
      },
      onStreamListener: () => {},
    });
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

  // --- what the client tells

  /** The connection is open. */
  greeted(canAsk: boolean): void {
    this.#canAsk = canAsk;
    for (const thread of this.#threads.values()) thread.join();
    this.#ask();
  }

  /** The connection was lost, and what was sent to it alone. */
  suspend(): void {
    this.#canAsk = false;
    for (const [id, thread] of this.#threads) {
      if (OF_CONNECTION.test(id)) thread.end();
      else thread.suspend();
    }
  }

  end(error?: Error): void {
    for (const thread of this.#threads.values()) thread.end();
    this.#readers.end(error);
  }

  wish(ref: number): JoinWish {
    this.#ref = ref;
    return { th: undefined, ref, from: undefined };
  }

  receive(frame: ThreadFrame): void {
    const known = this.#threads.get(frame.th);
    if (known !== undefined) known.receive(frame);
    else if (frame.t === 'joined') this.#open(frame.th).receive({ ...frame, ref: undefined });
  }

  /** A question was refused: a connection without a user has nothing to be asked for. */
  fail(code: string, ref: number | undefined): void {
    if (ref !== this.#ref) for (const thread of this.#threads.values()) thread.fail(code, ref);
  }

  forget(thread: JoinedThread): void {
    if (this.#threads.get(thread.id) === thread) this.#threads.delete(thread.id);
  }

  #open(id: string): JoinedThread {
    const role = OF_CONNECTION.test(id) ? 'invited' : 'inbox';
    // another user, after a reconnect with another token
    if (role === 'inbox') for (const other of this.#threads.values()) if (!OF_CONNECTION.test(other.id)) other.end();
    const thread = new JoinedThread(id, {}, this.#host, role, this.#readers);
    this.#threads.set(id, thread);
    return thread;
  }

  /** Where there is a reader: before the first message comes, so that none is missed when the line is lost. */
  #ask(): void {
    const isAsked = [...this.#threads.keys()].some((id) => !OF_CONNECTION.test(id));
    if (this.#canAsk && !this.#readers.isUnread && !isAsked) this.#host.ask(this);
  }
}
