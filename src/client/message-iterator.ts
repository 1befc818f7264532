import type { Message } from './api.ts';

interface PendingRead {
  readonly resolve: (result: IteratorResult<Message, undefined>) => void;
  readonly reject: (error: Error) => void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** One reader of a thread, with its unread messages. The pusher reads `size`. */
export class MessageIterator implements AsyncIterableIterator<Message, undefined> {
  readonly #onTaken: (isOver: boolean) => void;
  /** Unread messages, oldest first; the thread may drop some. */
  held: Message[] = [];
  #error: Error | undefined;
  readonly #pending: PendingRead[] = [];
  #isEnded = false;

  /** @param onTaken it holds less, or is over */
  constructor(onTaken: (isOver: boolean) => void) {
    this.#onTaken = onTaken;
  }

  push(message: Message): void {
    const pending = this.#pending.shift();
    if (pending) pending.resolve({ done: false, value: message });
    else this.held.push(message);
  }

  /** No more messages. Held ones can still be read, then the error is thrown once. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#finish();
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
      const message = this.held.shift();
      if (message) {
        this.push(message);
        this.#onTaken(false);
      } else if (this.#isEnded) {
        this.#finish();
      }
    });
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.held = [];
    this.end();
    this.#error = undefined;
    this.#onTaken(true);
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Throws the error to the first waiting read. */
  #finish(): void {
    for (const { resolve, reject } of this.#pending.splice(0)) {
      const error = this.#error;
      this.#error = undefined;
      if (error) reject(error);
      else resolve(DONE);
    }
  }
}
