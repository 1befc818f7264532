import type { Clock, TimerHandle } from '../../api/clock.ts';

/** A timer that is this late shows that the event loop was blocked. */
const LATE_MS = 100;

class PatientTimer {
  isCancelled = false;
  handle: TimerHandle;
}

/**
 * The clock of the machines. Timers run before sockets are read, so after a blocked event loop a deadline would hit a client whose answer
 * is waiting to be read. A late timer therefore lets sockets have their turn first, and does not run if they cancelled it.
 */
export function deferringClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    nextTurn: (callback) => clock.nextTurn(callback),
    setTimeout(callback, delayMs) {
      const timer = new PatientTimer();
      const dueAt = clock.now() + delayMs;
      const fire = (): void => {
        if (!timer.isCancelled) callback();
      };
      timer.handle = clock.setTimeout(() => {
        if (clock.now() - dueAt > LATE_MS) clock.nextTurn(fire);
        else fire();
      }, delayMs);
      return timer;
    },
    clearTimeout(timer) {
      if (!(timer instanceof PatientTimer)) return;
      timer.isCancelled = true;
      clock.clearTimeout(timer.handle);
    },
  };
}
