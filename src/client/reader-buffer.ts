import { MessageIterator } from './message-iterator.ts';
import { Emitter } from './emitter.ts';
import type { Message, Replaced, ThreadEvents } from './api.ts';

/** What the buffer needs from its thread. */
export interface ReaderBufferHost {
  report(error: unknown): void;
  /** Fewer messages are held, or there is another reader. */
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
  /** Messages without a reader, oldest first. */
  held: Message[] = [];
  /** No reader has taken messages yet. */
  isUnread = true;
  #isEnded = false;
  #isWaking = false;
  #error: Error | undefined;

  /** @param events the names that listeners may use */
  constructor(host: ReaderBufferHost, events: readonly (keyof ThreadEvents)[] = EVENTS) {
    super(events);
    this.#host = host;
  }

  report(error: unknown): void {
    this.#host.report(error);
  }

  get hasIterator(): boolean {
    return this.#iterators.size > 0;
  }

  /** Messages that the slowest reader still has to read. */
  get most(): number {
    return Math.max(...this.#all.map(({ held }) => held.length));
  }

  /**
   * Whether a reader waits for messages: it has no more than `few` to read.
   * @param isWatched the thread has another use than its messages
   */
  isHungry(few: number, isWatched?: boolean): boolean {
    const isEager = (this.isUnread && (isWatched || this.has('stream'))) || this.has('message');
    return isEager || !this.most || [...this.#iterators].some(({ held }) => held.length <= few);
  }

  override on<E extends keyof ThreadEvents>(event: E, listener: (news: ThreadEvents[E]) => unknown): () => void {
    const off = super.on(event, listener);
    if (event === 'message') this.#wake();
    if (event === 'stream') queueMicrotask(() => this.#host.onStream?.());
    return off;
  }

  iterate(): MessageIterator {
    const iterator = new MessageIterator((isOver) => {
      if (isOver) this.#iterators.delete(iterator);
      this.#host.onTaken();
    });
    this.#iterators.add(iterator);
    this.#wake();
    if (this.#isEnded) this.#endIterators();
    return iterator;
  }

  push(message: Message): void {
    if (this.isUnread) this.held.push(message);
    else this.#hand(message);
  }

  /** A message has another version, or without data is no more: for what is held, and for those who have been given it. */
  amend(news: Replaced): void {
    const { id, data } = news;
    const isGone = data === undefined;
    for (const reader of this.#all)
      reader.held = reader.held.flatMap((known) => (known.id !== id ? known : isGone ? [] : { ...known, data }));
    this.emit(isGone ? 'removed' : 'replaced', news);
  }

  /** Readers that hold so many messages lose the oldest half: the thread does not wait for them. */
  overflow(limit: number): void {
    for (const { held } of this.#all) {
      const dropped = held[limit - 1] && held.splice(0, limit / 2).at(-1);
      if (dropped) this.emit('gap', { why: 'overflow', position: dropped.position });
    }
  }

  /** Readers get what they hold, then the end or the error. */
  end(error?: Error): void {
    this.#isEnded = true;
    this.#error = error;
    if (this.#isWaking) this.#release();
    this.#endIterators();
  }

  get #all(): { held: Message[] }[] {
    return [this, ...this.#iterators];
  }

  /** At the end of this turn, for all readers added in this turn. */
  #wake(): void {
    if (!this.held.length || this.#isEnded) this.#release();
    else if (!this.#isWaking) {
      this.#isWaking = true;
      queueMicrotask(() => this.#release());
    }
  }

  #release(): void {
    this.isUnread = this.#isWaking = false;
    for (const message of this.held.splice(0)) this.#hand(message);
    this.#host.onTaken();
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
