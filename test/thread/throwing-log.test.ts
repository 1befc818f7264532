import { describe, expect, it } from 'vitest';
import { memoryLog, type Appended, type DeliveryLog, type Entry, type LogTail } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { dataOf, makeHarness, type Harness } from '../support/harness.ts';

it('a log whose news cannot be told is reported, and keeps nobody from a message', async () => {
  const clock = new VirtualClock();
  const inner = memoryLog({ clock });
  const log: DeliveryLog = {
    append: (draft) => inner.append(draft),
    readAfter: (...args) => inner.readAfter(...args),
    readBefore: (...args) => inner.readBefore(...args),
    position: (threadId) => inner.position(threadId),
    subscribe: (...args) => inner.subscribe(...args),
    sweep: () => inner.sweep(),
    close: () => inner.close(),
    notify() {
      throw new Error('no news');
    },
    announce() {
      throw new Error('no counts');
    },
  };
  const { hub, errors, connect, run, close } = makeHarness({ clock, log });
  const { link, connection } = connect();
  await connection.join('t');
  const stream = hub.thread('t').stream();
  stream.append('text');
  await run(hub.thread('t').send(1, { lane: 'volatile' }));
  await run(hub.thread('t').send(2));
  await run(stream.end());
  await clock.advance(1_100);
  expect(dataOf(link)).toEqual([1, 2, { text: 'text' }]);
  const messages = errors.map((error) => (error instanceof Error ? error.message : ''));
  expect(new Set(messages)).toEqual(new Set(['no news', 'no counts']));
  await close();
});

it('what the hub throws at a log that brings an entry is reported, not thrown into the event of its socket', async () => {
  const clock = new VirtualClock();
  const inner = memoryLog({ clock });
  let bring: ((entry: Entry) => void) | undefined;
  const log: DeliveryLog = {
    append: (draft) => inner.append(draft),
    readAfter: (...args) => inner.readAfter(...args),
    readBefore: (...args) => inner.readBefore(...args),
    position: (threadId) => inner.position(threadId),
    subscribe(threadId, onEntry) {
      bring = onEntry;
      return inner.subscribe(threadId, onEntry);
    },
    sweep: () => inner.sweep(),
    close: () => inner.close(),
  };
  const { hub, errors, run, close } = makeHarness({ clock, log });
  await run(hub.thread('t').send(1));
  const [entry] = await log.readAfter('t', 0, 1);
  if (entry === undefined || bring === undefined) throw new Error('nothing was logged');
  const broken = Object.defineProperty(Object.create(entry), 'id', {
    get() {
      throw new Error('no id');
    },
  });
  hub.thread('t').stream();
  bring(broken);
  expect(errors.map(String)).toEqual(['Error: no id']);
  await close();
});

describe.each<[string, (appended: Appended) => Promise<Appended>]>([
  ['rejects its append', () => Promise.reject(new Error('no answer'))],
  [
    'throws',
    () => {
      throw new Error('no answer');
    },
  ],
])('a log that brings an entry and then %s', (_, answer) => {
  async function useLog(): Promise<Harness & { held: () => number; tail: () => LogTail | undefined }> {
    const clock = new VirtualClock();
    const inner = memoryLog({ clock });
    let held = 0;
    let tail: LogTail | undefined;
    const log: DeliveryLog = {
      append(draft) {
        const appended = inner.append(draft);
        if (appended instanceof Promise) throw new Error('the memory log answers at once');
        return appended.isDuplicate ? appended : answer(appended);
      },
      readAfter: (...args) => inner.readAfter(...args),
      readBefore: (...args) => inner.readBefore(...args),
      position: (threadId) => inner.position(threadId),
      async subscribe(...args) {
        const subscription = await inner.subscribe(...args);
        ({ tail } = subscription);
        const hold = (offset: number): void => {
          held = offset;
          subscription.hold(offset);
        };
        return { ...subscription, hold };
      },
      sweep: () => inner.sweep(),
      close: () => inner.close(),
    };
    return { ...makeHarness({ clock, log }), held: () => held, tail: () => tail };
  }

  it('has its messages delivered, refuses their senders, and holds no entries for receipts that never come', async () => {
    const { hub, errors, connect, run, close, held, tail } = await useLog();
    const { link, connection } = connect();
    await run(connection.join('t'));
    for (let i = 1; i <= 3; i++) await expect(run(hub.thread('t').send(i))).rejects.toThrow('no answer');
    expect(dataOf(link)).toEqual([1, 2, 3]);
    expect(tail()?.head).toBe(3);
    // the last one until the next pass
    expect(held()).toBeGreaterThanOrEqual(2);
    expect(errors).toEqual([]);
    await close();
  });

  it('has the final message of a stream: its end can be tried again', async () => {
    const { hub, errors, connect, run, close } = await useLog();
    const { link, connection } = connect();
    await run(connection.join('t'));
    const stream = hub.thread('t').stream();
    stream.append('text');
    await expect(run(stream.end())).rejects.toThrow('no answer');
    expect(await run(stream.end())).toMatchObject({ id: stream.id, isDuplicate: true });
    expect(dataOf(link)).toEqual([{ text: 'text' }]);
    expect(errors).toEqual([]);
    await close();
  });
});
