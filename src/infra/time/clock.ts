import type { Clock } from '../../api/clock.ts';
import type { TimerHandle } from '../../api/clock.ts';

/** What a clock must have. */
export const CLOCK_METHODS = ['now', 'setTimeout', 'clearTimeout', 'nextTurn'] as const;

/** The process's monotonic clock. Its timers keep the process alive, apart from those that are let go; `hub.close()` clears them all. */
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

/** A timer that is there for others, as sockets are, keeps no process alive by itself. */
export function letGo(handle: TimerHandle): void {
  if (isTimeout(handle)) handle.unref();
}

function isTimeout(handle: TimerHandle): handle is NodeJS.Timeout {
  return typeof handle === 'object' && handle !== null && 'hasRef' in handle;
}
