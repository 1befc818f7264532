import { Timer, type ClientClock } from './clock.ts';

/**
 * A timer that fires this much late tells that we slept, not that the server was silent. What came meanwhile has as long to reach us
 * then: a phone that is unlocked has lost its line more often than not.
 */
const LATE_MS = 5_000;

/**
 * Watches for a connection that died without a word. Browsers hide the protocol's pings, so the server says `hb` where it has nothing
 * else to say; how often, it tells in `hello`.
 */
export class HeartbeatWatchdog {
  readonly #clock: ClientClock;
  readonly #timer: Timer;
  readonly #onTimeout: () => void;
  /** Two and a half pings; Infinity before the first `hello`. */
  #patienceMs = Infinity;
  /** When something came last, on the client's clock. */
  heardAt = 0;

  constructor(clock: ClientClock, onTimeout: () => void) {
    this.#clock = clock;
    this.#timer = new Timer(clock);
    this.#onTimeout = onTimeout;
  }

  /** Something came. */
  heard(): void {
    this.heardAt = this.#clock.now();
  }

  /** What `hello` says; within reason, for timers are 32-bit and networks stutter. */
  expect(pingMs: number): void {
    this.#patienceMs = 2.5 * Math.min(Math.max(pingMs, 1_000), 3_600_000);
    this.#wait();
  }

  /** A socket is open. */
  start(): void {
    this.heard();
    if (this.#patienceMs < Infinity) this.#wait();
  }

  stop(): void {
    this.#timer.clear();
  }

  #wait(): void {
    const dueAt = this.heardAt + this.#patienceMs;
    this.#timer.set(Math.max(0, dueAt - this.#clock.now()), () => {
      const now = this.#clock.now();
      // what came while we slept is still on its way to us
      if (now - dueAt > LATE_MS) this.heardAt = Math.max(this.heardAt, now + LATE_MS - this.#patienceMs);
      if (now < this.heardAt + this.#patienceMs) this.#wait();
      else this.#onTimeout();
    });
  }
}
