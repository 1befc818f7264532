import { Timer } from './clock.ts';
import { isLonger, utf8Length } from './utf8.ts';
import { MessageTooLargeError, PublishQueueFullError, PublishTimeoutError } from './errors.ts';
import type { PublishAnswer } from './frames.ts';
import type { ClientSettings } from './options.ts';
import type { Frame } from './socket.ts';

/** Undefined if it was dropped. */
type Outcome = PublishAnswer | Error | undefined;

interface Unanswered {
  readonly threadId: string;
  readonly id: string;
  readonly frame: Frame;
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
  sendPublish(threadId: string, frame: Frame): boolean;
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
   * Resolves with the server's answer, or with undefined if it is volatile and was dropped. The same id again is the same message.
   * @throws MessageTooLargeError, PublishQueueFullError, PublishTimeoutError
   */
  async add(
    threadId: string,
    id: string,
    frame: Frame,
    timeoutMs: number,
    isVolatile = false,
  ): Promise<PublishAnswer | undefined> {
    const known = this.#unanswered.get(keyOf(threadId, id));
    if (known) {
      known.isVolatile &&= isVolatile;
      return known.answer;
    }
    const { maxQueued, clock } = this.#settings;
    const isFull = this.#unanswered.size >= maxQueued;
    if (isVolatile && (isFull || !this.#isGreeted)) return undefined;
    const refusal = isFull ? new PublishQueueFullError({ limit: maxQueued }) : this.#sizeError(frame);
    if (refusal) throw refusal;
    const timer = new Timer(clock);
    let settle!: Unanswered['settle'];
    const answer = new Promise<PublishAnswer | undefined>((resolve, reject) => {
      settle = (outcome) => {
        timer.clear();
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
    });
    timer.set(timeoutMs, () => this.settle(threadId, id, new PublishTimeoutError({ threadId, id, timeoutMs })));
    const unanswered: Unanswered = { threadId, id, frame, answer, settle, isVolatile, isSent: false };
    this.#unanswered.set(keyOf(threadId, id), unanswered);
    this.#advance();
    if (isVolatile && !unanswered.isSent) this.settle(threadId, id, undefined);
    return answer;
  }

  /** There is a new connection, which accepts frames of this size: everything is sent again. */
  greeted(maxBytes = this.#maxBytes): void {
    this.#maxBytes = maxBytes;
    for (const unanswered of this.#unanswered.values()) {
      unanswered.isSent = false;
      const error = this.#sizeError(unanswered.frame);
      if (error) this.settle(unanswered.threadId, unanswered.id, error);
    }
    this.#isGreeted = true;
    this.#advance();
  }

  /** The connection was lost. */
  suspend(): void {
    this.#isGreeted = false;
    for (const { threadId, id, isVolatile } of this.#unanswered.values())
      if (isVolatile) this.settle(threadId, id, undefined);
  }

  /** The server's answer, or that none arrived in time. */
  settle(threadId: string, id: string, answer: Outcome): void {
    const key = keyOf(threadId, id);
    this.#unanswered.get(key)?.settle(answer);
    this.#unanswered.delete(key);
    this.#advance();
  }

  /** There will be no answers any more. */
  end(error: Error): void {
    this.suspend();
    for (const { threadId, id } of this.#unanswered.values()) this.settle(threadId, id, error);
  }

  /** Sends as many as the window allows, a thousand messages at most. */
  #advance(): void {
    let room = WINDOW_FRAMES * this.#maxBytes;
    for (const unanswered of this.#isGreeted ? this.#unanswered.values() : []) {
      room -= Math.max(unanswered.frame.length, this.#maxBytes / 256);
      if (room < 0) return;
      unanswered.isSent ||= this.#host.sendPublish(unanswered.threadId, unanswered.frame);
    }
  }

  #sizeError(frame: Frame): Error | undefined {
    const limit = this.#maxBytes;
    return isLonger(frame, limit) ? new MessageTooLargeError({ bytes: utf8Length(frame), limit }) : undefined;
  }
}

/** An id of a message has no blank. */
const keyOf = (threadId: string, id: string): string => `${threadId} ${id}`;
