import { Timer } from './clock.ts';
import { MessageTooLargeError, PublishQueueFullError } from './errors.ts';
import type { PublishAnswer } from './frames.ts';
import type { ClientSettings } from './options.ts';
import { isLonger, utf8Length } from './utf8.ts';

/** Undefined if it was dropped. */
type Outcome = PublishAnswer | Error | undefined;

interface Unanswered {
  readonly text: string;
  readonly answer: Promise<PublishAnswer | undefined>;
  readonly settle: (answer: Outcome) => void;
  /** Sent at once and once, or dropped. */
  isVolatile: boolean;
  /** The limits on this connection. */
  isSent: boolean;
}

/** What sends publications. */
export interface PublishHost {
  /** False if there is no open socket. */
  sendPublish(threadId: string, text: string): boolean;
}

/**
 * In frames of the largest size, each character three bytes. A server closes the connection of a client that lets 16 of them wait for the
 * application, and a tunnel may delay more.
 */
const WINDOW_FRAMES = 4;

/** Published messages without an answer, in order. Each is sent as soon as allowed, and again on each new connection. */
export class PublishQueue {
  readonly #settings: ClientSettings;
  readonly #host: PublishHost;
  readonly #unanswered = new Map<string, Unanswered>();
  /** If the server states no limit, a gigabyte. */
  #maxBytes = 1e9;
  /** Publications wait for `hello`: a too big one must not be sent, because the server would close for good. */
  #isGreeted = false;

  constructor(settings: ClientSettings, host: PublishHost) {
    this.#settings = settings;
    this.#host = host;
  }

  /**
   * Resolves with the server's answer, or with undefined if it is volatile and was dropped. The same key again is the same message.
   * @param late the error if no answer arrives in time
   * @throws MessageTooLargeError, PublishQueueFullError
   */
  async offer(
    key: string,
    text: string,
    timeoutMs: number,
    late: () => Error,
    isVolatile = false,
  ): Promise<PublishAnswer | undefined> {
    const known = this.#unanswered.get(key);
    if (known) {
      known.isVolatile &&= isVolatile;
      return known.answer;
    }
    const { maxQueued, clock } = this.#settings;
    const isFull = this.#unanswered.size >= maxQueued;
    if (isVolatile && (isFull || !this.#isGreeted)) return undefined;
    const refusal = isFull ? new PublishQueueFullError({ limit: maxQueued }) : this.#sizeError(text);
    if (refusal) throw refusal;
    const timer = new Timer(clock);
    let settle: Unanswered['settle'] = () => {};
    const answer = new Promise<PublishAnswer | undefined>((resolve, reject) => {
      settle = (outcome) => {
        timer.clear();
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
    });
    timer.set(timeoutMs, () => this.settle(key, late()));
    const unanswered: Unanswered = { text, answer, settle, isVolatile, isSent: false };
    this.#unanswered.set(key, unanswered);
    this.#advance();
    if (isVolatile && !unanswered.isSent) this.settle(key, undefined);
    return answer;
  }

  /** There is a new connection, which accepts frames of this size: everything is sent again. */
  greeted(maxBytes = this.#maxBytes): void {
    this.#maxBytes = maxBytes;
    for (const [key, unanswered] of this.#unanswered) {
      unanswered.isSent = false;
      const error = this.#sizeError(unanswered.text);
      if (error) this.settle(key, error);
    }
    this.#isGreeted = true;
    this.#advance();
  }

  /** The connection was lost. */
  suspend(): void {
    this.#isGreeted = false;
    for (const [key, { isVolatile }] of this.#unanswered) if (isVolatile) this.settle(key, undefined);
  }

  /** The server's answer, or that none arrived in time. */
  settle(key: string, answer: Outcome): void {
    this.#unanswered.get(key)?.settle(answer);
    this.#unanswered.delete(key);
    this.#advance();
  }

  /** There will be no answers any more. */
  abandon(error: Error): void {
    this.suspend();
    for (const key of this.#unanswered.keys()) this.settle(key, error);
  }

  /** Sends as many as the window allows, a thousand messages at most. */
  #advance(): void {
    let room = WINDOW_FRAMES * this.#maxBytes;
    for (const [key, unanswered] of this.#isGreeted ? this.#unanswered : []) {
      room -= Math.max(unanswered.text.length, this.#maxBytes / 256);
      if (room < 0) return;
      // the key ends with the message's id, which has no blank
      const threadId = key.slice(0, key.lastIndexOf(' '));
      if (!unanswered.isSent) unanswered.isSent = this.#host.sendPublish(threadId, unanswered.text);
    }
  }

  #sizeError(text: string): Error | undefined {
    const limit = this.#maxBytes;
    return isLonger(text, limit) ? new MessageTooLargeError({ bytes: utf8Length(text), limit }) : undefined;
  }
}
