import { afterEach, expect, it } from 'vitest';
import { memoryLog } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.close();
});

/** As Node's socket: a write finds it reset, `close` comes a turn later, and until then every write is taken and goes nowhere. */
class ResettingLink extends FakeLink {
  writesAfter = 0;
  isReset = false;

  override get isClosed(): boolean {
    return this.isReset || super.isClosed;
  }

  override write(...args: Parameters<FakeLink['write']>): void {
    if (this.isReset) this.writesAfter++;
    else super.write(...args);
  }
}

it('a socket that a write has found reset is given nothing more, and nothing counts as written to it', async () => {
  const clock = new VirtualClock();
  harness = makeHarness({ clock, log: memoryLog({ clock, maxEntries: 10_000 }), maxCriticalBehind: 10_000 });
  const { hub, run } = harness;
  const thread = hub.thread('t');
  const link = new ResettingLink();
  const connection = hub.accept(link.attach);
  await connection.join('t');
  link.stall();
  const stream = thread.stream();
  stream.append('x'.repeat(500_000));
  await run(thread.send('x'.repeat(200_000)));
  for (let i = 0; i < 100; i++) await run(thread.send(i, { lane: 'critical' }));
  link.isReset = true;
  // the peer that does not read is gone: the drain is that of a socket whose writes have failed
  link.resume();
  const receipt = await run(thread.send('late'));
  await clock.advance(10);
  expect(link.writesAfter).toBe(0);
  expect(receipt.written).toBe(0);
  link.isReset = false;
  link.hangUp();
  const { outcomes } = await run(receipt.settled());
  expect([...outcomes.values()]).toEqual(['evicted']);
  await run(stream.end());
});
