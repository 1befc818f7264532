import { inTime } from '../../infra/time/in-time.ts';
import type { Clock } from '../../api/clock.ts';

/** Time between two looks at a condition that does not signal when it is met. */
const LOOK_MS = 20;

/** Resolves when `isDone` returns true, or when the time is up. */
export function until(clock: Clock, deadline: number, isDone: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isDone() || clock.now() >= deadline) resolve();
      else clock.setTimeout(look, LOOK_MS);
    };
    look();
  });
}

/** Resolves with the work, or when the time is up; the work continues. */
export async function before(clock: Clock, deadline: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await inTime(clock, deadline - clock.now(), Promise.race([work, promise]), resolve);
}

/** Gives sockets and timers their turn. */
function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.nextTurn(resolve);
  });
}

/** Items handled in one turn of the event loop, at some twenty to fifty microseconds each. */
const AT_ONCE = 50;

/** Calls `work` for each item, the first ones at once, the rest in later turns: ten thousand items must not block the process. */
export async function oneByOne<T>(clock: Clock, all: Iterable<T>, act: (one: T, index: number) => void): Promise<void> {
  for (const [i, one] of [...all].entries()) {
    if (i > 0 && i % AT_ONCE === 0) await nextTurn(clock);
    act(one, i);
  }
}
