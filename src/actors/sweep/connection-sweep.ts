import type { Task } from '../support/slice-scheduler.ts';
import type { Clock, TimerHandle } from '../../api/clock.ts';

/** What the sweep looks at. */
interface Swept {
  sweep(now: number, isFair: boolean): void;
  /** What a link of somebody else's threw. */
  onBroken(error: unknown): void;
}

/** All that are to be looked at. */
interface Crowd {
  /** As they are while one looks: some may come and go meanwhile. */
  readonly present: Iterable<Swept>;
  readonly size: number;
}

/** Connections between two looks at the clock: a look at one of them costs next to nothing, or ten microseconds where a ping is due. */
const VISITS_PER_LOOK = 16;

/** From one batch to the next: room for a message, and for the answers to the batch's pings. */
const PAUSE_MS = 5;

/** Connections of one batch at least: half a millisecond of pings. */
const LEAST_BATCH = 64;

/**
 * The sweep's way past all connections, a batch at a time. After a message to thousands of connections a ping is due for each: at once,
 * these system calls and the answers to them would come between the next message and its readers (10,000 pings held the event loop for
 * eighty milliseconds).
 */
export class ConnectionSweep implements Task {
  readonly #crowd: Crowd;
  readonly #clock: Clock;
  /** Has it run in the turns' slices. */
  readonly #enqueue: (round: ConnectionSweep) => void;
  /** How long a round may take; a batch that comes this much after the one before says that the event loop was late. */
  readonly #roundMs: number;
  /** A Map's iterator goes on where it stopped, with those that came meanwhile and without those that went. */
  #rest: Iterator<Swept> | undefined;
  #left = 0;
  #timer: TimerHandle;
  #isFair = true;
  #lookedAt = 0;

  constructor(crowd: Crowd, clock: Clock, roundMs: number, enqueue: (round: ConnectionSweep) => void) {
    this.#crowd = crowd;
    this.#clock = clock;
    this.#roundMs = roundMs;
    this.#enqueue = enqueue;
  }

  /**
   * Where the last round is not over, it goes on instead.
   * @param isFair false when our own event loop was late: nobody is judged for that
   */
  begin(isFair: boolean): void {
    this.#rest ??= this.#crowd.present[Symbol.iterator]();
    this.#isFair = isFair;
    this.#lookedAt = this.#clock.now();
    this.#beginBatch();
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#rest = undefined;
  }

  run(deadline: number): boolean {
    let now = this.#clock.now();
    const isFair = this.#isFair && now - this.#lookedAt <= this.#roundMs;
    while (this.#left > 0) {
      const next = this.#rest?.next();
      if (next === undefined || next.done === true) {
        this.#rest = undefined;
        return true;
      }
      try {
        next.value.sweep(now, isFair);
      } catch (error) {
        // it must not keep the others from being looked at
        next.value.onBroken(error);
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
