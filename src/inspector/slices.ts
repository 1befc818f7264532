import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long a survey holds the event loop at a time: 10,000 connections take some milliseconds in all. */
const SLICE_MS = 1;

/** Between two looks at the time: reading the clock costs as much as a visit. */
const VISITS = 64;

/** Visits every item, some in each turn of the event loop. What the iterable yields meanwhile is its business. */
export async function inSlices<T>(items: Iterable<T>, visit: (item: T) => void): Promise<void> {
  let deadline = performance.now() + SLICE_MS;
  let visits = 0;
  for (const item of items) {
    visit(item);
    if (++visits % VISITS !== 0 || performance.now() < deadline) continue;
    await nextTurn();
    deadline = performance.now() + SLICE_MS;
  }
}
