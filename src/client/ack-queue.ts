import { limitsOf, listsOf, type FrameLimits } from './list-frames.ts';
import { Timer, type ClientClock } from './clock.ts';
import { encodeRequest } from './frames.ts';

/** The longest that a message waits for its acknowledgement. */
const AFTER_MS = 1_000;

/** For a server that accepts no lists and counts each frame: acknowledgements of one second. */
const SINGLE_ACKS = 128;

/** Cumulative acknowledgements of all threads, once a second. */
export class AckQueue {
  readonly #send: (text: string) => void;
  readonly #timer: Timer;
  readonly #offsets = new Map<string, number>();
  #limits = limitsOf(undefined);

  constructor(clock: ClientClock, send: (text: string) => void) {
    this.#timer = new Timer(clock);
    this.#send = send;
  }

  /** The limits of the server's frames. */
  greeted(limits: FrameLimits): void {
    this.#limits = limits;
  }

  /** The client has received everything up to this offset. */
  add(threadId: string, offset: number): void {
    this.#offsets.set(threadId, offset);
    this.#wait();
  }

  /** The client has left the thread: a new join will state the position. */
  delete(threadId: string): void {
    this.#offsets.delete(threadId);
  }

  /** The connection is gone. */
  suspend(): void {
    this.#timer.clear();
    this.#offsets.clear();
  }

  #wait(): void {
    if (!this.#timer.isSet) this.#timer.set(AFTER_MS, () => this.#flush());
  }

  #flush(): void {
    const { list } = this.#limits;
    const due = [...this.#offsets].slice(0, list ? undefined : SINGLE_ACKS);
    for (const [th, o] of due) {
      this.#offsets.delete(th);
      if (!list) this.#send(encodeRequest({ t: 'ack', th, o }));
    }
    const lists = listsOf(list ? due.map((entry) => JSON.stringify(entry)) : [], this.#limits);
    for (const entries of lists) this.#send(`{"t":"acks","l":${entries}}`);
    if (this.#offsets.size > 0) this.#wait();
  }
}
