import type { Clock } from '../../api/clock.ts';
import type { SliceScheduler, Task } from '../support/slice-scheduler.ts';

/** A connection whose client has sent something. */
export interface IntakeMember {
  /** Reads one frame, or performs one request. */
  step(): Step;
  readonly hasWork: boolean;
}

/**
 * What a step leaves.
 *
 * - `begun`: A request is in progress.
 * - `owing`: A join is complete, and what it owes its client comes before the next request: it is what the client has asked for first, and a
 *   client that does not read is let into no more threads.
 */
export type Step = 'done' | 'begun' | 'owing';

/** Requests that begin before those in progress have had a moment: their promises run after the slice. */
const BEGUN_AT_ONCE = 4;

/**
 * Handles the input of all clients, one frame of each connection in turn. It is one task of the scheduler, however many connections there
 * are. So input gets no more than its share, and messages go out meanwhile.
 */
export class Intake implements Task {
  readonly #clock: Clock;
  readonly #scheduler: SliceScheduler;
  readonly #sliceMs: number;
  readonly #waiting = new Set<IntakeMember>();
  /** When this turn of the event loop had its first slice of input; undefined if it had none. */
  #turnBeganAt: number | undefined;
  #isPaused = false;

  constructor(clock: Clock, scheduler: SliceScheduler, sliceMs: number) {
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#sliceMs = sliceMs;
  }

  add(member: IntakeMember): void {
    this.#waiting.add(member);
    if (!this.#isPaused) this.#scheduler.add(this);
  }

  run(deadline: number): boolean {
    // a request that was done at once has added it again, before the pause
    if (this.#isPaused) return true;
    let begun = 0;
    // a member that moves to the end of the set has its next turn in the same loop
    for (const member of this.#waiting) {
      this.#waiting.delete(member);
      const step = member.step();
      if (member.hasWork) this.#waiting.add(member);
      if (step === 'owing' || (step === 'begun' && ++begun >= BEGUN_AT_ONCE)) {
        this.#pause();
        return true;
      }
      if (this.#clock.now() >= deadline) break;
    }
    return this.#waiting.size === 0;
  }

  /** Continues when the begun requests have done what they can do now, or in the next turn if that took long. */
  #pause(): void {
    this.#isPaused = true;
    if (this.#turnBeganAt === undefined) {
      this.#turnBeganAt = this.#clock.now();
      this.#clock.nextTurn(this.#nextTurn);
    }
    queueMicrotask(this.#goOn);
  }

  readonly #goOn = (): void => {
    const isTimeUp = this.#turnBeganAt !== undefined && this.#clock.now() - this.#turnBeganAt >= this.#sliceMs;
    if (!isTimeUp) this.#resume();
  };

  readonly #nextTurn = (): void => {
    this.#turnBeganAt = undefined;
    this.#resume();
  };

  #resume(): void {
    this.#isPaused = false;
    if (this.#waiting.size > 0) this.#scheduler.add(this);
  }
}
