import { describe, expect, it } from 'vitest';
import { BulkLane } from '../../../src/infra/log/redis/bulk-lane.ts';
import { slotOf } from '../../../src/infra/log/redis/slots.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

/** A line that carries one answer at a time, each for so long. */
function line(clock: VirtualClock, ms: () => number): () => Promise<void> {
  let freeAt = 0;
  return () => {
    freeAt = Math.max(freeAt, clock.now()) + ms();
    return new Promise((resolve) => void clock.setTimeout(resolve, freeAt - clock.now()));
  };
}

describe('the lane of what is big', () => {
  it('fills a quick line, and keeps the queue of a slow one short', async () => {
    const clock = new VirtualClock();
    const lane = new BulkLane(clock);
    let ms = 1;
    let waiting = 0;
    let most = 0;
    const send = line(clock, () => ms);
    const work = async (): Promise<void> => {
      most = Math.max(most, ++waiting);
      await send();
      waiting--;
    };
    for (let i = 0; i < 200; i++) void lane.run(work);
    await clock.advance(300);
    expect([lane.window, most, waiting]).toEqual([16, 16, 0]);
    // the line is slower now: 60 ms for each piece
    ms = 60;
    for (let i = 0; i < 100; i++) void lane.run(work);
    await clock.advance(3_000);
    most = 0;
    await clock.advance(2_000);
    expect(lane.window).toBeLessThanOrEqual(2);
    await clock.advance(10_000);
    expect(waiting).toBe(0);
  });

  it('lets the next one through after a failure', async () => {
    const lane = new BulkLane(new VirtualClock());
    const [lost, next] = [lane.run(() => Promise.reject(new Error('lost'))), lane.run(() => Promise.resolve('there'))];
    await expect(lost).rejects.toThrow('lost');
    await expect(next).resolves.toBe('there');
  });
});

describe('the slot of a key', () => {
  // as Redis's CLUSTER KEYSLOT answers
  it.each([
    ['123456789', 12_739],
    ['foo', 12_182],
    ['a{foo}b', 12_182],
    ['{foo}{bar}', 12_182],
    ['foo{}', slotOf('foo{}')],
  ])('%s', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });
});
