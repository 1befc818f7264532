import type { Clock } from '../../api/clock.ts';
import { TIMER_RANGE } from '../option-checks.ts';

/**
 * The outcome of the work. If the work is still in progress after `timeoutMs`, `onLate` is called once: it ends the work, or what waits for
 * it. The timer ends with the work.
 */
export async function inTime<T>(
  clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>,
  timeoutMs: number,
  work: Promise<T>,
  onLate: () => void,
): Promise<T> {
  const timer = clock.setTimeout(onLate, Math.min(Math.max(0, timeoutMs), TIMER_RANGE.max));
  try {
    return await work;
  } finally {
    clock.clearTimeout(timer);
  }
}
