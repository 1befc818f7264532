import { Timer, type ClientClock } from './clock.ts';

/** Messages after which an acknowledgement goes out at once. */
const EVERY = 32;

/** The longest that a message waits for its acknowledgement. */
const AFTER_MS = 1_000;

/** Cumulative acknowledgements of one thread: one for 32 messages, or one a second. */
export class Acks {
  readonly #timer: Timer;
  readonly #send: (offset: number) => void;
  #count = 0;
  #offset = 0;

  constructor(clock: ClientClock, send: (offset: number) => void) {
    this.#timer = new Timer(clock);
    this.#send = send;
  }

  /** Everything up to this offset is here. */
  received(offset: number): void {
    this.#offset = offset;
    if (++this.#count >= EVERY) this.#flush();
    else if (!this.#timer.isSet) this.#timer.set(AFTER_MS, () => this.#flush());
  }

  /** The connection or the thread is gone: a join will tell the position. */
  stop(): void {
    this.#timer.clear();
    this.#count = 0;
  }

  #flush(): void {
    this.stop();
    this.#send(this.#offset);
  }
}
