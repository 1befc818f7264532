/** A pending timer; opaque to everyone but the clock that made it. */
export type TimerHandle = unknown;

/**
 * Time, as everything in the hub sees it. `setTimeout` and `clearTimeout` have the shape that XState expects of an actor
 * system's clock, so one object drives the machines and the sweep alike.
 */
export interface Clock {
  /** Milliseconds since some fixed point; never goes back. */
  now(): number;
  setTimeout(callback: () => void, delayMs: number): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
  /** Runs the callback in the next turn of the event loop, after sockets have had theirs. */
  nextTurn(callback: () => void): void;
}
