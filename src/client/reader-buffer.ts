import type { Message, Replaced, ThreadEvents } from './api.ts';
import { Emitter } from './emitter.ts';
import { MessageIterator } from './message-iterator.ts';

/** What the buffer needs from its thread. */
export interface ReaderBufferHost {
  report(error: unknown): void;
  /** Fewer messages are held. */
  onTaken(): void;
  /** There is a listener for streams. */
  onStream?(): void;
}

const EVENTS: readonly (keyof ThreadEvents)[] = [
  'message',
  'replaced',
  'removed',
  'gap',
  'stream',
  'progress',
  'joined',
  'left',
  'error',
];

/** Listeners and iterators of a thread. Until the first one takes messages, the buffer holds them. */
export class ReaderBuffer extends Emitter<ThreadEvents> {
  readonly #host: ReaderBufferHost;
  readonly #iterators = new Set<MessageIterator>();
  /** Undefined once there is a reader. */
  #unread: Message[] | undefined = [];
  #isWaking = false;
  #isEnded = false;
  #error: Error | undefined;

  /** @param events the names that listeners may use */
  constructor(host: ReaderBufferHost, events: readonly (keyof ThreadEvents)[] = EVENTS) {
    super(events);
    this.#host = host;
  }

  report(error: unknown): void {
    this.#host.report(error);
  }

  /** No reader has taken messages yet. */
  get isUnread(): boolean {
    return !!this.#unread;
  }

  get hasIterator(): boolean {
    return this.#iterators.size > 0;
  }

  /** Messages that the slowest reader still has to read. */
  get held(): number {
    return Math.max(this.#unread?.length ?? 0, ...Array.from(this.#iterators, ({ held }) => held.length));
  }

  override on<E extends keyof ThreadEvents>(event: E, listener: (news: ThreadEvents[E]) => unknown): () => void {
    const off = super.on(event, listener);
    if (event === 'message') this.#wake();
    if (event === 'stream') queueMicrotask(() => this.#host.onStream?.());
    return off;
  }

  iterate(): MessageIterator {
    const iterator = new MessageIterator(
      () => this.#host.onTaken(),
      () => {
        this.#iterators.delete(iterator);
        this.#host.onTaken();
      },
    );
    this.#iterators.add(iterator);
    this.#wake();
    if (this.#isEnded) this.#endIterators();
    return iterator;
  }

  push(message: Message): void {
    if (this.#unread) this.#unread.push(message);
    else this.#hand(message);
  }

  /** A message has another version, or without data is no more: for what is held, and for those who have been given it. */
  amend(news: Replaced): void {
    for (const held of this.#allHeld) {
      const at = held.findIndex(({ id }) => id === news.id);
      const known = held[at];
      if (known) held.splice(at, 1, ...(news.data === undefined ? [] : [{ ...known, data: news.data }]));
    }
    this.emit(news.data === undefined ? 'removed' : 'replaced', news);
  }

  /** Drops the oldest held message; returns the position after it, if it has one. */
  drop(keep: number): string | undefined {
    const dropped = this.#allHeld.flatMap((held) => held.splice(0, held.length - keep).slice(-1));
    return dropped.at(-1)?.position;
  }

  /** Readers get what they hold, then the end or the error. */
  end(error?: Error): void {
    this.#isEnded = true;
    this.#error = error;
    if (this.#isWaking) this.#release();
    this.#endIterators();
  }

  get #allHeld(): Message[][] {
    return [this.#unread ?? [], ...Array.from(this.#iterators, (iterator) => iterator.held)];
  }

  /** At the end of this turn, for all readers added in this turn. */
  #wake(): void {
    if (this.#unread?.length === 0 || this.#isEnded) this.#release();
    else if (this.#unread && !this.#isWaking) {
      this.#isWaking = true;
      queueMicrotask(() => this.#release());
    }
  }

  #release(): void {
    const unread = this.#unread ?? [];
    this.#unread = undefined;
    this.#isWaking = false;
    for (const message of unread) this.#hand(message);
    if (unread.length > 0) this.#host.onTaken();
  }

  #hand(message: Message): void {
    for (const iterator of this.#iterators) iterator.push(message);
    this.emit('message', message);
  }

  #endIterators(): void {
    for (const iterator of this.#iterators) iterator.end(this.#error);
    this.#iterators.clear();
  }
}
