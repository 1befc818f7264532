import { expect } from 'vitest';
import { startVictim } from './victim.ts';

/**
 * What one turn of the event loop may read of a flood: the 64 KiB after which the socket pauses, and another chunk of that size where the
 * first one ends before the frame does. Where nothing pauses the socket, libuv reads up to two megabytes of it in a turn.
 */
const MOST_TURN_BYTES = 128 * 1024;

/** A message that is longer than that is read to its end: a part of one costs no more than a copy. */
const LONG_MESSAGES: Readonly<Record<string, number>> = { oversized: 900_100 };

const MOST_HEAP_BYTES = 40_000_000;

/**
 * One client floods the hub: it is closed with 4429, its flood is read in bounded pieces with a turn of the event loop after each, and the
 * neighbours miss nothing.
 */
export async function checkFlood(attack: string): Promise<void> {
  const { hub, got, reads, attack: begin } = await startVictim();
  // what is compiled at its first use stays in the heap
  await hub.thread('t').send(0);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  let sent = 1;
  const publisher = setInterval(() => void hub.thread('t').send(sent++), 5);
  const [outcome] = await begin(attack);
  clearInterval(publisher);
  await hub.thread('t').send(sent);
  expect(outcome?.code).toBe(4429);
  const all = Array.from({ length: sent + 1 }, (_, i) => i);
  await expect.poll(() => got.every((numbers) => numbers.length === all.length)).toBe(true);
  expect(got).toEqual(got.map(() => all));
  globalThis.gc?.();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(MOST_HEAP_BYTES);
  expect(reads.mostBytes).toBeLessThanOrEqual(MOST_TURN_BYTES + (LONG_MESSAGES[attack] ?? 0));
}
