import { PublishQueueFullError } from './errors.ts';

interface Unanswered {
  readonly text: string;
  readonly settle: ((position: string | undefined, error?: Error) => void)[];
}

/** What is published and not answered yet, in order: each is sent at once, and again on each new connection. */
export class Outgoing {
  readonly #limit: number;
  readonly #send: (text: string) => unknown;
  readonly #unanswered = new Map<string, Unanswered>();

  /** @param send does nothing where there is no open socket */
  constructor(limit: number, send: (text: string) => unknown) {
    this.#limit = limit;
    this.#send = send;
  }

  /** Resolves with the position that the server answers. The same key again is the same message. @throws PublishQueueFullError */
  offer(key: string, text: string): Promise<string | undefined> {
    const known = this.#unanswered.get(key);
    if (known === undefined && this.#unanswered.size >= this.#limit) throw new PublishQueueFullError(this.#limit);
    const unanswered: Unanswered = known ?? { text, settle: [] };
    this.#unanswered.set(key, unanswered);
    return new Promise((resolve, reject) => {
      unanswered.settle.push((position, error) => {
        if (error === undefined) resolve(position);
        else reject(error);
      });
      if (known === undefined) this.#send(text);
    });
  }

  /** There is an open socket: sends what it may. */
  flush(errorOf: (text: string) => Error | undefined): void {
    for (const [key, { text }] of this.#unanswered) {
      const error = errorOf(text);
      if (error !== undefined) this.settle(key, undefined, error);
      else this.#send(text);
    }
  }

  /** The server's answer. */
  settle(key: string, position: string | undefined, error?: Error): void {
    const answered = this.#unanswered.get(key);
    this.#unanswered.delete(key);
    for (const settle of answered?.settle ?? []) settle(position, error);
  }

  /** There will be no answers any more. */
  abandon(error: Error): void {
    for (const key of this.#unanswered.keys()) this.settle(key, undefined, error);
  }
}
