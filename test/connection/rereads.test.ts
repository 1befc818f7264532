import { afterEach, describe, expect, it } from 'vitest';
import { memoryLog, type HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(() => harness.close());

function connect(): FakeLink {
  const link = new FakeLink();
  harness.hub.accept(link.attach, { authorize: () => true });
  return link;
}

/** A thread with this many messages. A connection has 500 points: time stands still, so none come back. */
async function start(messages: number, data: unknown = 1, options: HubOptions = {}): Promise<FakeLink> {
  harness = makeHarness({ maxInputPerSecond: 100, ...options });
  for (let i = 0; i < messages; i++) {
    void harness.hub.thread('t').send(data);
    if (i % 1_000 === 999) await harness.clock.settle();
  }
  await harness.clock.settle();
  return connect();
}

async function join(link: FakeLink, from = 'start', more: object = {}): Promise<void> {
  link.say({ t: 'join', th: 't', from, ...more });
  await harness.clock.settle();
}

const count = (link: FakeLink): number => framesOf(link, 'msg').length;

describe('a thread that a connection reads again', () => {
  it('is paid for: whoever repeats the join is closed with 4429', async () => {
    const link = await start(1_000);
    for (let i = 0; i < 400 && link.closeCode === undefined; i++) await join(link);
    expect(link.closeCode).toBe(4429);
    // 48 messages for a point, those of the first time and of the last visit
    expect(count(link)).toBeLessThan(1_000 + 48 * 500 + 256);
    expect(count(link)).toBeGreaterThan(15_000);
  });

  it('so is whoever leaves it first', async () => {
    const link = await start(1_000);
    for (let i = 0; i < 400 && link.closeCode === undefined; i++) {
      await join(link);
      link.say({ t: 'leave', th: 't' });
    }
    expect(link.closeCode).toBe(4429);
    expect(count(link)).toBeLessThan(1_000 + 48 * 500 + 256);
  });

  it('is paid for by its bytes, too, also in parts', async () => {
    const link = await start(1, 'x'.repeat(1_000_000));
    for (let i = 0; i < 100 && link.closeCode === undefined; i++) {
      await join(link, 'start', { parts: true });
      link.resume();
      await harness.clock.settle();
    }
    expect(link.closeCode).toBe(4429);
    // up to 64 KiB for a point, and the first time
    expect(framesOf(link, 'part').length).toBeLessThan(600);
  });

  it('and so is the text of its streams', async () => {
    const link = await start(0, 1, {});
    harness.hub.thread('t').stream({ id: 's' }).append('x'.repeat(1_000_000));
    await harness.clock.settle();
    for (let i = 0; i < 200 && link.closeCode === undefined; i++) {
      link.say({ t: 'join', th: 't' });
      await harness.clock.settle();
    }
    expect(link.closeCode).toBe(4429);
  });
});

describe('no client pays', () => {
  it('that reads 50,000 messages for the first time', async () => {
    const link = await start(50_000, 1, { log: memoryLog({ maxEntries: 50_000 }) });
    await join(link);
    expect(count(link)).toBe(50_000);
    // nothing is taken: what it may send at once it may still send
    for (let i = 0; i < 490; i++) link.say({ t: 'x' });
    await harness.clock.settle();
    expect(link.closeCode).toBeUndefined();
  });

  it('more than a little that leaves a room and comes back ten times', async () => {
    const link = await start(1_000);
    for (let i = 0; i < 10; i++) {
      await join(link);
      link.say({ t: 'leave', th: 't' });
    }
    for (let i = 0; i < 250; i++) link.say({ t: 'x' });
    await harness.clock.settle();
    expect(count(link)).toBe(10_000);
    expect(link.closeCode).toBeUndefined();
  });

  it('that comes back where it has been', async () => {
    const link = await start(10);
    await join(link);
    for (let i = 0; i < 200; i++) {
      const from = framesOf(link, 'joined').at(-1)?.['pos'];
      expect(from).toBeTypeOf('string');
      link.say({ t: 'leave', th: 't' });
      link.say({ t: 'join', th: 't' });
      await harness.clock.settle();
    }
    expect(count(link)).toBe(10);
    expect(link.closeCode).toBeUndefined();
  });
});
