import { PublishQueueFullError } from './errors.ts';

interface Waiting {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What is to be published, in order: handed to the socket at once, or held while there is none. */
export class Outgoing {
  readonly #limit: number;
  readonly #send: (text: string) => boolean;
  readonly #waiting: Waiting[] = [];

  /** @param send false where there is no open socket */
  constructor(limit: number, send: (text: string) => boolean) {
    this.#limit = limit;
    this.#send = send;
  }

  /** Resolves when it was handed over. @throws PublishQueueFullError */
  offer(text: string): Promise<void> {
    if (this.#waiting.length === 0 && this.#send(text)) return Promise.resolve();
    if (this.#waiting.length >= this.#limit) throw new PublishQueueFullError(this.#limit);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject });
    });
  }

  /** There is an open socket. */
  flush(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || !this.#send(next.text)) return;
      this.#waiting.shift();
      next.resolve();
    }
  }

  /** There will be none any more. */
  abandon(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
