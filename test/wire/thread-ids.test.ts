import { afterEach, expect, it } from 'vitest';
import { FakeLink } from '../../src/testing/index.ts';
import { isRecord, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(() => harness.close());

/** All that a thread id may have and JSON escapes, characters of one to four bytes, and what looks like another field. */
const IDS = ['a"b', 'a\\', 'x","id":"forged', 'ä€😀', '\u2028'];

it.each(IDS)('the id of a thread comes as it is in every frame: %j', async (threadId) => {
  harness = makeHarness();
  const { hub, run, clock } = harness;
  const link = new FakeLink();
  hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: threadId, parts: true });
  await clock.settle();
  const thread = hub.thread(threadId);
  await run(thread.send('x'.repeat(600_000), { idempotencyKey: 'big' }));
  await run(thread.send('first', { idempotencyKey: 'a' }));
  await run(thread.send('second', { lane: 'volatile' }));
  const stream = thread.stream();
  stream.append('token');
  await clock.advance(100);
  await run(thread.remove('a'));
  await clock.advance(1_000);
  const frames = link.messages.filter(isRecord).filter(({ t }) => t !== 'hello');
  expect(new Set(frames.map(({ t }) => t))).toEqual(new Set(['joined', 'part', 'msg', 'tok', 'removed']));
  for (const { th, id } of frames) expect([th, id === 'forged']).toEqual([threadId, false]);
});
