import type { Clock } from '../api/clock.ts';

/** How long a survey holds the event loop at a time: 10,000 connections take some milliseconds in total. */
const SLICE_MS = 1;

/** Reading the clock costs as much as a visit. */
const VISITS = 64;

/**
 * Visits every item, some in each turn of the event loop. Changes of the iterable meanwhile are up to it.
 * @param visits between two looks at the time
 * @returns how long it has held the event loop, all turns together
 */
export async function inSlices<T>(
  clock: Clock,
  items: Iterable<T>,
  visit: (item: T) => void,
  visits = VISITS,
): Promise<number> {
  let begin = clock.now();
  let busyMs = 0;
  let visited = 0;
  for (const item of items) {
    visit(item);
    if (++visited % visits !== 0) continue;
    const sliceMs = clock.now() - begin;
    if (sliceMs < SLICE_MS) continue;
    busyMs += sliceMs;
    await new Promise<void>((resolve) => clock.nextTurn(resolve));
    begin = clock.now();
  }
  return busyMs + clock.now() - begin;
}
