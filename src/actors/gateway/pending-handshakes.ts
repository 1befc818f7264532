import type { Clock, TimerHandle } from '../../api/clock.ts';
import type { Handshake } from '../../infra/socket/handshake.ts';

/**
 * Handshakes whose `authenticate` has not settled. All have the same time, so the oldest is due first, and one timer serves them all:
 * one for each takes 6 us of a handshake.
 */
export class PendingHandshakes {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onLate: (handshake: Handshake) => void;
  /** Also those whose time is up or whose client has gone: the application is still at work for them. */
  readonly #all = new Set<Handshake>();
  /** When each one's time is up, oldest first; without those whose time is up. */
  readonly #dueAt = new Map<Handshake, number>();
  #timer: TimerHandle;
  #isTimed = false;

  /** @param onLate is called once where a handshake is in here for longer than `timeoutMs` */
  constructor(clock: Clock, timeoutMs: number, onLate: (handshake: Handshake) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onLate = onLate;
  }

  get size(): number {
    return this.#all.size;
  }

  get all(): Iterable<Handshake> {
    return this.#all;
  }

  add(handshake: Handshake): void {
    this.#all.add(handshake);
    this.#dueAt.set(handshake, this.#clock.now() + this.#timeoutMs);
    if (!this.#isTimed) this.#awaitOldest();
  }

  /** `authenticate` has settled: it is not late any more. */
  settled(handshake: Handshake): void {
    this.#dueAt.delete(handshake);
    if (this.#dueAt.size === 0) this.#stopTimer();
  }

  delete(handshake: Handshake): void {
    this.settled(handshake);
    this.#all.delete(handshake);
  }

  #stopTimer(): void {
    if (!this.#isTimed) return;
    this.#clock.clearTimeout(this.#timer);
    this.#isTimed = false;
  }

  #awaitOldest(): void {
    for (const dueAt of this.#dueAt.values()) {
      this.#isTimed = true;
      this.#timer = this.#clock.setTimeout(this.#onTimer, Math.max(0, dueAt - this.#clock.now()));
      return;
    }
  }

  readonly #onTimer = (): void => {
    this.#isTimed = false;
    const now = this.#clock.now();
    for (const [handshake, dueAt] of this.#dueAt) {
      if (dueAt > now) break;
      this.#dueAt.delete(handshake);
      this.#onLate(handshake);
    }
    if (!this.#isTimed) this.#awaitOldest();
  };
}
