/** A channel and who listens to it. */
export interface Channel {
  readonly name: string;
  readonly listener: (message: Buffer) => void;
}

/** Maximum channels of one command. */
const MOST_TOGETHER = 256;

interface Together {
  readonly channels: string[];
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Channels that are subscribed, or unsubscribed, in one turn of the event loop are one command, and so are those that come while a command has
 * no answer yet: the joins of many clients come in small groups.
 */
export class ChannelsTogether {
  readonly #ask: (channels: string[]) => Promise<unknown>;
  #open: Together | undefined;
  /** Commands without an answer. */
  #unanswered = 0;

  constructor(ask: (channels: string[]) => Promise<unknown>) {
    this.#ask = ask;
  }

  add(channel: string): Promise<void> {
    const together = this.#open ?? this.#begin();
    together.channels.push(channel);
    if (together.channels.length === MOST_TOGETHER) this.#send(together);
    return together.done.promise;
  }

  #begin(): Together {
    const together = { channels: [], done: Promise.withResolvers<void>() };
    this.#open = together;
    if (this.#unanswered === 0) queueMicrotask(() => this.#send(together));
    return together;
  }

  #send(together: Together): void {
    // it was full
    if (this.#open !== together) return;
    this.#open = undefined;
    const { channels, done } = together;
    this.#unanswered++;
    this.#ask(channels).then(
      () => {
        this.#answered();
        done.resolve();
      },
      (error: unknown) => {
        this.#answered();
        done.reject(error);
      },
    );
  }

  #answered(): void {
    this.#unanswered--;
    if (this.#unanswered === 0 && this.#open !== undefined) this.#send(this.#open);
  }
}
