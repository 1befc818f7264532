import { Timer, type ClientClock } from './clock.ts';

/** A timer that fires this much late tells that we slept, not that the server was silent. */
const LATE_MS = 1_000;

/**
 * Watches for a connection that died without a word. Browsers hide the protocol's pings, so the server says `hb` where it has nothing
 * else to say; how often, it tells in `hello`.
 */
export class Silence {
  readonly #clock: ClientClock;
  readonly #timer: Timer;
  readonly #onSilence: () => void;
  /** Infinity before the first `hello`. */
  #pingMs = Infinity;
  #heardAt = 0;

  constructor(clock: ClientClock, onSilence: () => void) {
    this.#clock = clock;
    this.#timer = new Timer(clock);
    this.#onSilence = onSilence;
  }

  /** When something came last, on the client's clock. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#clock.now();
  }

  /** What `hello` says; within reason, for timers are 32-bit and networks stutter. */
  expect(pingMs: number): void {
    this.#pingMs = Math.min(Math.max(pingMs, 1_000), 3_600_000);
    this.#wait();
  }

  /** A socket is open. */
  start(): void {
    this.heard();
    if (this.#pingMs < Infinity) this.#wait();
  }

  stop(): void {
    this.#timer.clear();
  }

  #wait(): void {
    const dueAt = this.#heardAt + 2.5 * this.#pingMs;
    const delay = Math.max(0, dueAt - this.#clock.now());
    this.#timer.set(delay, () => this.#look(dueAt));
  }

  #look(dueAt: number): void {
    const now = this.#clock.now();
    // what came while we slept is still on its way to us
    if (now - dueAt > LATE_MS) this.#heardAt = Math.max(this.#heardAt, now - 1.5 * this.#pingMs);
    if (now >= this.#heardAt + 2.5 * this.#pingMs) this.#onSilence();
    else this.#wait();
  }
}
