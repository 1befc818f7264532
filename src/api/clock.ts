/** A pending timer; only the clock that made it can read it. */
export type TimerHandle = unknown;

/**
 * Time for the whole hub. `setTimeout` and `clearTimeout` have the shape that XState expects of an actor system's clock, so one object
 * drives the machines and the sweep.
 */
export interface Clock {
  /** Milliseconds since a fixed point; never goes back. */
  now(): number;
  /** Milliseconds since 1970, the time of messages. @default `Date.now` */
  wallTime?(): number;
  setTimeout(callback: () => void, delayMs: number): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
  /** Runs the callback in the next turn of the event loop, after sockets have had theirs. */
  nextTurn(callback: () => void): void;
}
