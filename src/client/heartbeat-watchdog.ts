import { Timer, type ClientClock } from './clock.ts';

/**
 * A timer that fires this much late shows that we slept, not that the server was silent. Data from meanwhile then has as long to arrive: a
 * phone that is unlocked has lost its line more often than not.
 */
const LATE_MS = 5_000;

/**
 * Detects a connection that died silently. Browsers hide the protocol's pings, so the server sends `hb` when it has nothing else to send;
 * `hello` states how often.
 */
export class HeartbeatWatchdog {
  readonly #clock: ClientClock;
  readonly #timer: Timer;
  readonly #onTimeout: () => void;
  /** Two and a half pings; Infinity before the first `hello`. */
  #patienceMs = Infinity;
  /** When something last arrived, on the client's clock. */
  heardAt = 0;

  constructor(clock: ClientClock, onTimeout: () => void) {
    this.#clock = clock;
    this.#timer = new Timer(clock);
    this.#onTimeout = onTimeout;
  }

  /** The interval from `hello`, within limits: timers are 32-bit and networks stutter. */
  expect(pingMs: number): void {
    this.#patienceMs = 2.5 * Math.min(Math.max(pingMs, 1_000), 3_600_000);
    this.#wait();
  }

  /** A socket is open. */
  start(): void {
    this.heardAt = this.#clock.now();
    if (this.#patienceMs < Infinity) this.#wait();
  }

  stop(): void {
    this.#timer.clear();
  }

  #wait(): void {
    const dueAt = this.heardAt + this.#patienceMs;
    this.#timer.set(Math.max(0, dueAt - this.#clock.now()), () => {
      const now = this.#clock.now();
      // data that came while we slept is still on its way to us
      if (now - dueAt > LATE_MS) this.heardAt = Math.max(this.heardAt, now + LATE_MS - this.#patienceMs);
      if (now < this.heardAt + this.#patienceMs) this.#wait();
      else this.#onTimeout();
    });
  }
}
