import { expect } from 'vitest';
import { LoopCpu } from '../support/loop-cpu.ts';
import { startVictim } from './victim.ts';

/**
 * Of the event loop's own CPU time, in one turn, on a machine that has other things to do: alone, it is less than ten. What was read two
 * megabytes at a time took more than a hundred.
 */
const MOST_TURN_MS = 60;

const MOST_HEAP_BYTES = 40_000_000;

/** One client floods the hub: it is closed with 4429, and the neighbours do not notice it. */
export async function checkFlood(attack: string): Promise<void> {
  const { hub, got, attack: begin } = await startVictim();
  // what is compiled at its first use is no attack
  await hub.thread('t').send(0);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const loop = new LoopCpu();
  let sent = 1;
  const publisher = setInterval(() => void hub.thread('t').send(sent++), 5);
  const [outcome] = await begin(attack, { onBegin: () => loop.reset() });
  clearInterval(publisher);
  loop.stop();
  await hub.thread('t').send(sent);
  expect(outcome?.code).toBe(4429);
  const all = Array.from({ length: sent + 1 }, (_, i) => i);
  await expect.poll(() => got.every((numbers) => numbers.length === all.length)).toBe(true);
  expect(got).toEqual(got.map(() => all));
  globalThis.gc?.();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(MOST_HEAP_BYTES);
  expect(loop.longestMs).toBeLessThan(MOST_TURN_MS);
}
