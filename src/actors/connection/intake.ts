import type { Clock } from '../../api/clock.ts';
import type { SliceScheduler, Task } from '../support/slice-scheduler.ts';

/** A connection whose client has sent something. */
export interface IntakeMember {
  /** Does the next bit: reads one frame, or has one request performed. True where that was a request. */
  step(): boolean;
  readonly hasWork: boolean;
}

/** Requests that are begun before those in progress have had a moment: what they do comes after the slice, as promises do. */
const BEGUN_AT_ONCE = 4;

/**
 * What all clients send, a frame of each connection in turn. One task of the turns' slices, however many connections there are: so input
 * takes no more than its share, and what is sent goes out meanwhile.
 */
export class Intake implements Task {
  readonly #clock: Clock;
  readonly #scheduler: SliceScheduler;
  readonly #sliceMs: number;
  readonly #waiting = new Set<IntakeMember>();
  /** When this turn of the event loop had its first slice of input; undefined where it had none. */
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
    let begun = 0;
    // one that goes to the end of the set has its next turn in the same loop
    for (const member of this.#waiting) {
      this.#waiting.delete(member);
      const hasBegun = member.step();
      if (member.hasWork) this.#waiting.add(member);
      if (hasBegun && ++begun >= BEGUN_AT_ONCE) {
        this.#pause();
        return true;
      }
      if (this.#clock.now() >= deadline) break;
    }
    return this.#waiting.size === 0;
  }

  /** Goes on when the requests that were begun have done what they can do now, or in the next turn where that took long. */
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
