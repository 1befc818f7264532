import { expect, it, onTestFinished } from 'vitest';
import { createPool, relayLog } from '../../src/pool/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** Dials of a node whose relay refuses each of them, when they were made. */
async function dialsOf(forMs: number, cooldownMs?: number): Promise<number[]> {
  const clock = new VirtualClock();
  const dials: number[] = [];
  class Refused {
    readonly readyState = 3;

    constructor() {
      dials.push(clock.now());
    }

    addEventListener(type: string, listener: (event: unknown) => void): void {
      if (type === 'close') clock.setTimeout(() => listener({ code: 1006, reason: '' }), 0);
    }

    send(): void {}
    close(): void {}
  }
  const pool = createPool({ url: 'ws://relay', WebSocket: Refused, clock, random: () => 0.5, cooldownMs });
  pool.on('error', () => {});
  const log = relayLog({ pool, clock });
  onTestFinished(() => log.close?.());
  await clock.advance(forMs);
  return dials;
}

const longestPause = (dials: readonly number[]): number =>
  Math.max(...dials.slice(1).map((at, i) => at - (dials[i] ?? 0)));

it('a node whose relay is down tries again within a few seconds, however long that takes', async () => {
  const dials = await dialsOf(120_000);
  expect(longestPause(dials)).toBeLessThan(5_000);
  expect(dials.length).toBeLessThan(120);
});

it('and after the cooldown, where the pool says so', async () => {
  expect(longestPause(await dialsOf(120_000, 20_000))).toBeGreaterThanOrEqual(20_000);
});
