import { asError } from '../../infra/errors.ts';
import { inTime } from '../../infra/time/in-time.ts';
import type { Clock } from '../../api/clock.ts';
import type { SliceScheduler } from './slice-scheduler.ts';

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

/**
 * Calls `act` for each item in slices of the scheduler, the first ones inside the call: ten thousand items must not block the event loop.
 * Rejects with what `act` throws, and then leaves out the rest.
 */
export function inSlices<T>(
  scheduler: Pick<SliceScheduler, 'now' | 'start'>,
  all: Iterable<T>,
  act: (one: T, index: number) => void,
): Promise<void> {
  const rest = [...all].entries();
  return new Promise((resolve, reject) => {
    scheduler.start({
      run(deadline) {
        try {
          for (const [i, one] of rest) {
            act(one, i);
            if (scheduler.now() >= deadline) return false;
          }
          resolve();
        } catch (error) {
          reject(asError(error));
        }
        return true;
      },
    });
  });
}

/**
 * Does the work for each item, for so many at the same time, begun in slices of the scheduler. All of it is done when it resolves or rejects.
 * @returns the results, in the order of the items
 * @throws the first error
 */
export async function inParallel<T, Result>(
  scheduler: Pick<SliceScheduler, 'now' | 'start' | 'add'>,
  limit: number,
  all: readonly T[],
  work: (one: T) => Promise<Result>,
): Promise<Result[]> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done: Promise<Result>[] = [];
  let running = 0;
  const ended = (): void => {
    running--;
    scheduler.add(task);
  };
  const task = {
    run(deadline: number): boolean {
      for (const one of all.slice(done.length, done.length + limit - running)) {
        running++;
        const working = work(one);
        done.push(working);
        working.then(ended, ended);
        if (scheduler.now() >= deadline) break;
      }
      if (running === 0) resolve();
      return true;
    },
  };
  scheduler.start(task);
  await promise;
  return Promise.all(done);
}
