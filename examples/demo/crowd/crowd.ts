import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import type { Received } from '../audit.ts';
import type { Flags } from '../flags.ts';
import type { Waiting } from '../waiting.ts';
import { isNews, PHONE, type News, type Order } from './news.ts';

export type Kind = 'healthy' | 'slow' | 'stopped';

export const KINDS: readonly Kind[] = ['healthy', 'slow', 'stopped'];

/** How long the crowd's process may take to end before it is killed. */
const END_MS = 2_000;

/** What one client has got, by its own account. */
export interface Books {
  readonly user: string;
  readonly kind: Kind;
  /** In the order of their arrival. */
  received: Received[];
  /** UTF-16 units of text that came as token streams. */
  streamed: number;
  isJoined: boolean;
  /** Joins with a position, after a connection had ended. */
  resumes: number;
  gaps: number;
  /** Codes its connections ended with, as the client saw them. */
  readonly closes: number[];
}

/** The crowd as the demo sees it: a process with clients, and the books they keep. */
export class Crowd {
  readonly books: ReadonlyMap<string, Books>;
  /** Of the client that visitors may stall and drop; in no table. */
  readonly phone = emptyBooks(PHONE, 'healthy');
  isPhoneStopped = false;
  readonly #waiting: Waiting;
  readonly #child: ChildProcess;
  readonly #onLost: () => void;

  /** @param onLost its process has ended though nobody asked it to */
  constructor(wsUrl: string, flags: Flags, waiting: Waiting, onLost: () => void) {
    this.#waiting = waiting;
    this.#onLost = onLost;
    this.books = new Map(KINDS.flatMap((kind) => usersOf(kind, flags).map((user) => [user, emptyBooks(user, kind)])));
    const counts = KINDS.map((kind) => `--${kind}=${flags[kind]}`);
    const args = [wsUrl, ...counts, ...(flags.forgetOne ? ['--forget-one'] : []), ...(flags.once ? ['--once'] : [])];
    this.#child = fork(new URL('./main.ts', import.meta.url), args, { serialization: 'advanced' });
    // the crowd is the load, not what is measured: where cores are few, it must not take them from the server
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    this.#child.on('message', (news: unknown) => {
      if (isNews(news)) for (const one of news) this.#note(one);
      waiting.changed();
    });
    this.#child.on('exit', this.#lost);
  }

  of(kind: Kind): readonly Books[] {
    return [...this.books.values()].filter((books) => books.kind === kind);
  }

  /** The client reads no more (`stop`), reads on (`wake`), or loses its line for some seconds (`drop`). */
  order(order: Order['order'], user: string): void {
    if (user === PHONE) this.isPhoneStopped = order === 'stop' || (order === 'drop' && this.isPhoneStopped);
    // it may be gone this very moment; `exit` follows
    if (this.#child.connected) this.#child.send({ order, user } satisfies Order, () => {});
  }

  /** New pages in all books. */
  startAnew(): void {
    for (const books of [...this.books.values(), this.phone]) {
      books.received = [];
      books.streamed = 0;
      books.closes.length = 0;
      books.resumes = 0;
      books.gaps = 0;
    }
  }

  async end(): Promise<void> {
    this.#child.off('exit', this.#lost);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    this.#child.disconnect();
    await ended;
    clearTimeout(timer);
  }

  #note(news: News): void {
    const books = news.user === PHONE ? this.phone : this.books.get(news.user);
    if (books === undefined) return;
    switch (news.what) {
      case 'joined':
        books.isJoined = true;
        if (news.isResume) books.resumes++;
        break;
      case 'got':
        books.received.push(news.message);
        books.streamed += news.streamed;
        break;
      case 'gap':
        books.gaps++;
        break;
      case 'closed':
        books.closes.push(news.code);
        break;
    }
  }

  readonly #lost = (): void => {
    this.#onLost();
    this.#waiting.changed();
  };
}

function usersOf(kind: Kind, flags: Flags): string[] {
  return Array.from({ length: flags[kind] }, (_, i) => `${kind}-${i + 1}`);
}

function emptyBooks(user: string, kind: Kind): Books {
  return { user, kind, received: [], streamed: 0, isJoined: false, resumes: 0, gaps: 0, closes: [] };
}
