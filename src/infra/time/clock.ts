import type { Clock } from '../../api/clock.ts';
import type { TimerHandle } from '../../api/clock.ts';

/** The methods that a clock must have. */
export const CLOCK_METHODS = ['now', 'setTimeout', 'clearTimeout', 'nextTurn'] as const;

/** The process's monotonic clock. Its timers keep the process alive, except those passed to `letGo`; `hub.close()` clears them all. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (handle) => {
    if (isTimeout(handle)) clearTimeout(handle);
  },
  nextTurn: (callback) => void setImmediate(callback),
};

/** Milliseconds since 1970. */
export const wallTime = (clock: Clock): number => Math.floor(clock.wallTime?.() ?? Date.now());

/** The same clock, but its timers do not keep the process alive. */
export const backgroundClock: Clock = {
  ...systemClock,
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
};

/** Marks a timer that must not keep the process alive by itself, because it only serves sockets, which do. */
export function letGo(handle: TimerHandle): void {
  if (isTimeout(handle)) handle.unref();
}

function isTimeout(handle: TimerHandle): handle is NodeJS.Timeout {
  return typeof handle === 'object' && handle !== null && 'hasRef' in handle;
}
