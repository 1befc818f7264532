import type { Clock } from '../../api/clock.ts';
import { systemClock } from './clock.ts';

/** Resolves in the next turn of the clock, or of the event loop where the clock stands still. */
export function turnOf(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    for (const each of clock === systemClock ? [clock] : [clock, systemClock]) each.nextTurn(resolve);
  });
}
