import { RoundRobin } from '../../infra/round-robin.ts';
import type { Task } from '../support/slice-scheduler.ts';
import type { Clock, TimerHandle } from '../../api/clock.ts';

/** What the sweep looks at. */
interface Swept {
  sweep(now: number, lostMs: number): void;
  /** An application's own link threw this. */
  onBroken(error: unknown): void;
}

/** All connections that the sweep looks at. */
interface Crowd {
  /** A live view: connections may come and go during a round. */
  readonly present: Iterable<Swept>;
  readonly size: number;
}

/** Connections between two looks at the clock. A look at one costs next to nothing, or ten microseconds if a ping is due. */
const VISITS_PER_LOOK = 16;

/** Pause between two batches: time for a message, and for the answers to the batch's pings. */
const PAUSE_MS = 5;

/** Minimum connections of one batch: half a millisecond of pings. */
const LEAST_BATCH = 64;

/**
 * Looks at all connections, a batch at a time. After a message to thousands of connections, a ping is due for each. Without batches, these
 * system calls and their answers would delay the next message (10,000 pings held the event loop for eighty milliseconds).
 */
export class ConnectionSweep implements Task {
  readonly #crowd: Crowd;
  readonly #clock: Clock;
  /** Runs it in slices of the scheduler. */
  readonly #enqueue: (round: ConnectionSweep) => void;
  /** How long a round may take. A batch that comes this much after the previous one shows that the event loop was late. */
  readonly #roundMs: number;
  readonly #connections: RoundRobin<Swept>;
  #left = 0;
  #timer: TimerHandle;
  #lostMs = 0;
  #lookedAt = 0;

  constructor(crowd: Crowd, clock: Clock, roundMs: number, enqueue: (round: ConnectionSweep) => void) {
    this.#crowd = crowd;
    this.#connections = new RoundRobin({ values: () => crowd.present[Symbol.iterator]() });
    this.#clock = clock;
    this.#roundMs = roundMs;
    this.#enqueue = enqueue;
  }

  /**
   * Starts a round, or continues the last one if it is not over.
   * @param lostMs how long our own event loop stood still; unless it is 0, no connection is judged in that round
   */
  begin(lostMs: number): void {
    this.#lostMs = lostMs;
    this.#lookedAt = this.#clock.now();
    this.#beginBatch();
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#connections.restart();
  }

  run(deadline: number): boolean {
    let now = this.#clock.now();
    const pausedMs = now - this.#lookedAt;
    const lostMs = this.#lostMs + (pausedMs > this.#roundMs ? pausedMs : 0);
    while (this.#left > 0) {
      const connection = this.#connections.next();
      if (connection === undefined) return true;
      try {
        connection.sweep(now, lostMs);
      } catch (error) {
        // must not keep the others from being looked at
        connection.onBroken(error);
      }
      if (--this.#left % VISITS_PER_LOOK !== 0) continue;
      now = this.#clock.now();
      this.#lookedAt = now;
      if (now >= deadline && this.#left > 0) return false;
    }
    this.#timer = this.#clock.setTimeout(() => this.#beginBatch(), PAUSE_MS);
    return true;
  }

  #beginBatch(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#left = Math.max(LEAST_BATCH, Math.ceil((this.#crowd.size * PAUSE_MS) / this.#roundMs));
    this.#enqueue(this);
  }
}
