import { afterEach, expect, it } from 'vitest';
import { memoryLog } from '../../src/index.ts';
import { Crowd, endCrowds } from '../support/crowd.ts';
import { machineNow } from '../support/machine-now.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { serveWs } from '../support/ws-server.ts';

afterEach(endCrowds);

/** Of the hub's time, between two turns of those who read. */
const STEP_MS = 50;

/**
 * The hub's time passes no faster than the machine's, and waits for those who read: on a busy machine, the process of two hundred healthy
 * clients may get no turn for as long as a stopped one has.
 * @returns ends it
 */
function passTime(clock: SteppedClock, readers: readonly Crowd[]): () => Promise<void> {
  const over = new AbortController();
  const pass = async (): Promise<void> => {
    for (let before = performance.now(); !over.signal.aborted;) {
      await Promise.all(readers.map((crowd) => crowd.turn()));
      const now = performance.now();
      await clock.advance(Math.min(now - before, STEP_MS));
      before = now;
    }
  };
  const passing = pass();
  return () => {
    over.abort();
    return passing;
  };
}

it('two stopped and two slow clients among two hundred: the others get everything, and the memory returns', async () => {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc (see vitest.config.ts)');
  const clock = new SteppedClock();
  const server = await serveWs({
    hub: {
      clock,
      // the healthy ones share a process that has two gigabytes to read: their answer may wait behind megabytes each
      sendTimeoutMs: 10_000,
      retryDelaysMs: [100, 200],
      breakerThreshold: 3,
      cooldownMs: 300,
      sweepMs: 100,
      log: memoryLog({ maxEntries: 2_000 }),
    },
  });
  const { hub } = server;
  const [healthy, slow, stopped] = await Promise.all([
    Crowd.start(server.url, 196),
    Crowd.start(server.url, 2, 1_500_000),
    Crowd.start(server.url, 2),
  ]);
  const evictions: number[] = [];
  hub.on('evicted', ({ code }) => evictions.push(code));
  stopped.stop();
  const stopTime = passTime(clock, [healthy, slow]);
  globalThis.gc();
  const before = process.memoryUsage();
  const pad = 'x'.repeat(10_000);
  for (let i = 0; i < 1_000; i++) {
    await hub.thread('t').ready();
    await hub.thread('t').send({ at: machineNow(), pad });
  }
  // the test's own limit ends what never comes
  await expect.poll(() => evictions, { timeout: 500_000 }).toEqual([4408, 4408]);
  await expect
    .poll(() => [...hub.connections].every(({ stats }) => stats.behind === 0), { timeout: 500_000 })
    .toBe(true);
  await stopTime();
  const [well, late] = await Promise.all([healthy.books(), slow.books()]);
  expect(well.outOfOrder).toBe(0);
  expect(new Set(well.counts)).toEqual(new Set([1_000]));
  expect(late.outOfOrder).toBe(0);
  const grown = (): { rss: number; used: number } => {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss: rss - before.rss, used: heapUsed + external - before.heapUsed - before.external };
  };
  // what the log holds, some twelve megabytes of messages and as much of frames, and nothing for those that were stopped; buffers are
  // given back on a thread of V8's own, when the machine lets it run
  await expect.poll(() => grown().used).toBeLessThan(40_000_000);
  await expect.poll(() => grown().rss).toBeLessThan(120_000_000);
  await server.close();
});
