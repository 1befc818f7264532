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

/** What a clock must have. */
export const CLOCK_METHODS = ['now', 'setTimeout', 'clearTimeout', 'nextTurn'] as const;

/**
 * The process's monotonic clock. Its timers keep the process alive: sockets do so anyway while there is something to time,
 * and `hub.close()` clears them all.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (handle) => {
    if (isTimeout(handle)) clearTimeout(handle);
  },
  nextTurn: (callback) => void setImmediate(callback),
};

/** The same, but nobody's process is kept alive by its timers. */
export const backgroundClock: Clock = {
  ...systemClock,
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
};

function isTimeout(handle: TimerHandle): handle is NodeJS.Timeout {
  return typeof handle === 'object' && handle !== null && 'hasRef' in handle;
}
