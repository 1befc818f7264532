import type { Clock, TimerHandle } from '../api/clock.ts';

/**
 * Calls `act` again and again, the first time after `intervalMs`.
 * @returns the function that ends it
 */
export function every(clock: Clock, intervalMs: number, act: () => void): () => void {
  let timer: TimerHandle;
  const wait = (): void => {
    timer = clock.setTimeout(() => {
      wait();
      act();
    }, intervalMs);
  };
  wait();
  return () => clock.clearTimeout(timer);
}
