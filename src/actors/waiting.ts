import type { Clock } from '../infra/clock.ts';

/** Between two looks at something that tells nobody when it is done. */
const LOOK_MS = 20;

/** Resolves when `isDone`, or when the time is up. */
export function until(clock: Clock, deadline: number, isDone: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isDone() || clock.now() >= deadline) resolve();
      else clock.setTimeout(look, LOOK_MS);
    };
    look();
  });
}

/** Resolves with the work, or when the time is up; the work goes on. */
export async function before(clock: Clock, deadline: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimeout(resolve, Math.max(0, deadline - clock.now()));
  await Promise.race([work, promise]);
  clock.clearTimeout(timer);
}

/** Lets sockets and timers have their turn. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.nextTurn(resolve);
  });
}
