import { expect, it } from 'vitest';
import { memoryLog, type DeliveryLog, type Entry } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { dataOf, makeHarness } from '../support/harness.ts';

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
