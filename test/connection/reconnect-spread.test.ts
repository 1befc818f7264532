import { expect, it, onTestFinished } from 'vitest';
import { spreadMs } from '../../src/actors/connection/reconnect-spread.ts';
import { backoffDelay } from '../../src/client/backoff.ts';
import { framesOf, makeHarness } from '../support/harness.ts';
import { mulberry32 } from '../support/random.ts';

it.each([
  [1, undefined],
  [500, undefined],
  [501, 1_002],
  [2_000, 4_000],
  [100_000, 5_000],
])('%i connections: %s', (connections, ms) => {
  expect(spreadMs(connections)).toBe(ms);
});

it('10,000 clients of a server that crashed do not come back within a second', () => {
  const random = mulberry32(1);
  const backoff = { minMs: 500, maxMs: 20_000 };
  const perSecond = new Map<number, number>();
  for (let i = 1; i <= 10_000; i++) {
    const second = Math.floor(backoffDelay(backoff, 1, random, spreadMs(i)) / 1_000);
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  }
  expect(perSecond.size).toBe(5);
  expect(Math.max(...perSecond.values())).toBeLessThan(3_500);
});

it('hello says it from 501 connections on', async () => {
  const { connect, close } = makeHarness();
  onTestFinished(close);
  const links = Array.from({ length: 501 }, () => connect().link);
  expect(links.map((link) => framesOf(link, 'hello')[0]?.['spreadMs']).slice(-2)).toEqual([undefined, 1_002]);
});
