import { describe, expect, it } from 'vitest';
import { InvalidOptionError, memoryLog, type EntryDraft } from '../../src/index.ts';
import { SharedBody } from '../../src/infra/log/shared-body.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { SharedLog } from '../support/shared-log.ts';
import { deliveryLogContract } from './delivery-log-contract.ts';

deliveryLogContract('memory', (options) => memoryLog(options), {
  makePair: (clock) => {
    const shared = new SharedLog(memoryLog({ clock }));
    return [shared.node(), shared.node()];
  },
});

function draft(threadId: string, bytes = 10): EntryDraft {
  const body = new SharedBody([Buffer.alloc(bytes, 'x')]);
  return { threadId, id: Math.random().toString(36).slice(2), lane: 'normal', body, expiresAt: Infinity };
}

describe('the log in memory', () => {
  it('answers at once', () => {
    const log = memoryLog();
    expect(log.append(draft('t'))).not.toBeInstanceOf(Promise);
    expect(log.position('t')).not.toBeInstanceOf(Promise);
    expect(log.subscribe('t', () => {})).not.toBeInstanceOf(Promise);
  });

  it('forgets a thread that is empty and that nobody reads, and begins a new epoch then', async () => {
    const clock = new VirtualClock();
    const log = memoryLog({ clock, maxAgeMs: 1_000 });
    await log.append(draft('t'));
    const { epoch } = await log.position('t');
    await clock.advance(999);
    log.sweep();
    expect(await log.position('t')).toMatchObject({ epoch, offset: 1 });
    await clock.advance(1);
    log.sweep();
    const after = await log.position('t');
    expect(after).toMatchObject({ offset: 0, id: '' });
    expect(after.epoch).not.toBe(epoch);
  });

  it('keeps a thread that somebody reads, however long nothing comes', async () => {
    const clock = new VirtualClock();
    const log = memoryLog({ clock, maxAgeMs: 1_000 });
    const subscription = await log.subscribe('t', () => {});
    await log.append(draft('t'));
    const position = await log.position('t');
    await clock.advance(1_000_000);
    log.sweep();
    expect(await log.position('t')).toEqual(position);
    subscription.unsubscribe();
    log.sweep();
    expect((await log.position('t')).epoch).not.toBe(position.epoch);
  });

  it('bounds the bytes of all threads together, at the cost of those that were quiet for longest', async () => {
    const clock = new VirtualClock();
    const log = memoryLog({ clock, maxTotalBytes: 520_000 });
    for (const thread of ['quiet', 'busy']) {
      for (let i = 0; i < 3; i++) await log.append(draft(thread, 100_000));
      await clock.advance(10);
    }
    expect(await log.readAfter('quiet', 0, 10)).toHaveLength(2);
    expect(await log.readAfter('busy', 0, 10)).toHaveLength(3);
    await log.append(draft('huge', 2_000_000));
    expect(await log.readAfter('quiet', 0, 10)).toHaveLength(0);
    expect(await log.readAfter('busy', 0, 10)).toHaveLength(0);
    expect(await log.readAfter('huge', 0, 10)).toHaveLength(1);
    expect((await log.position('busy')).offset).toBe(3);
  });

  it('does not look at all threads to make room in one, nor at all of very many in a sweep', () => {
    const clock = new VirtualClock();
    let looks = 0;
    const now = (): number => {
      looks++;
      return 0;
    };
    const log = memoryLog({ clock: Object.assign(clock, { now }), maxTotalBytes: 30_000_000 });
    for (let i = 0; i < 20_000; i++) void log.append(draft(`t${i}`));
    // looking at all of them took a millisecond each time
    for (let i = 0; i < 20_000; i++) void log.append(draft(`t${i}`));
    looks = 0;
    log.sweep();
    expect(looks).toBe(10_000);
  });

  it.each([
    { threads: 5_000, entries: 1 },
    { threads: 1, entries: 5_000 },
  ])('trims $entries entries of $threads threads in slices, however many are too old at once', async (crowd) => {
    const clock = new VirtualClock();
    const log = memoryLog({ clock, maxAgeMs: 1_000, maxEntries: 10_000 });
    for (let i = 0; i < crowd.threads; i++) {
      for (let n = 0; n < crowd.entries; n++) await log.append(draft(`t${i}`));
    }
    await clock.advance(1_000);
    const held: number[] = [log.heldBytes ?? 0];
    // each slice is over as soon as it asks
    while (log.sweep(() => true) === false) held.push(log.heldBytes ?? 0);
    expect(log.heldBytes).toBe(0);
    const steps = held.slice(1).map((bytes, i) => (held[i] ?? 0) - bytes);
    expect(Math.max(...steps)).toBeLessThanOrEqual(1_100 * 1_024);
    expect(held.length).toBeGreaterThan(4);
  });

  it('makes room for a big message a thousand small ones at a time', async () => {
    const log = memoryLog({ maxTotalBytes: 12_000_000, maxEntries: 100_000 });
    for (let i = 0; i < 10_000; i++) await log.append(draft(`t${i % 10}`));
    const count = async (): Promise<number> => {
      let entries = 0;
      for (let i = 0; i < 10; i++) entries += (await log.readAfter(`t${i}`, 0, 100_000)).length;
      return entries;
    };
    const before = await count();
    await log.append(draft('big', 8_000_000));
    expect(before - (await count())).toBeLessThanOrEqual(1_024);
    for (let slices = 0; log.sweep(() => true) === false && slices < 100; slices++);
    expect(log.heldBytes).toBeLessThanOrEqual(12_000_000);
    expect(await log.readAfter('big', 0, 1)).toHaveLength(1);
  });

  it('says where a thread will begin without making it, and keeps to that', async () => {
    const clock = new VirtualClock();
    const log = memoryLog({ clock, maxAgeMs: 1_000 });
    const unknown = await log.position('t');
    for (let i = 0; i < 100; i++) await log.position(`u${i}`);
    expect(log.heldBytes).toBe(0);
    await log.append(draft('t'));
    expect(await log.position('t')).toMatchObject({ epoch: unknown.epoch, offset: 1 });
  });

  it('forgets a thread that nobody will read again, when its last reader has left', async () => {
    const log = memoryLog();
    const subscription = await log.subscribe('t', () => {});
    const { tail } = subscription;
    await log.append(draft('t', 1_000_000));
    log.forget?.('t');
    expect(tail.head).toBe(1);
    subscription.unsubscribe();
    expect(log.heldBytes).toBe(0);
    log.forget?.('t');
    const { epoch, offset } = await log.position('t');
    expect([epoch === tail.epoch, offset]).toEqual([false, 0]);
  });

  it('gives threads that hold nothing a quarter of the memory at most', async () => {
    const log = memoryLog({ maxTotalBytes: 1_000_000 });
    await log.append(draft('chat', 600_000));
    for (let i = 0; i < 5_000; i++) {
      (await log.subscribe(`empty${i}`, () => {})).unsubscribe();
      log.sweep();
    }
    expect(log.heldBytes).toBeLessThanOrEqual(1_000_000);
    expect(await log.readAfter('chat', 0, 1)).toHaveLength(1);
  });

  it('stays correct over many trims', async () => {
    const log = memoryLog({ maxEntries: 50 });
    const { tail } = await log.subscribe('t', () => {});
    for (let i = 1; i <= 5_000; i++) {
      await log.append(draft('t'));
      expect(tail.head).toBe(i);
      expect(tail.first).toBe(Math.max(1, i - 49));
      expect([tail.at(tail.first)?.offset, tail.at(i)?.offset]).toEqual([tail.first, i]);
    }
  });

  it.each([{ maxEntries: 0 }, { maxBytes: 0 }, { maxAgeMs: 0 }, { maxTotalBytes: 0 }, { maxEntries: Number.NaN }])(
    'refuses %o',
    (options) => {
      expect(() => memoryLog(options)).toThrow(InvalidOptionError);
    },
  );
});
