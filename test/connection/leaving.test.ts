import { afterEach, expect, it } from 'vitest';
import { memoryLog, type AcceptOptions, type HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { SharedLog } from '../support/shared-log.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

function accept(options: AcceptOptions = {}, hub: HubOptions = {}) {
  harness = makeHarness(hub);
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, { authorize: () => true, ...options });
  return { link, connection, ...harness };
}

it('a client that the application takes out of a thread is told why, once, and after what it was sent', async () => {
  const { link, hub, connection, run } = accept();
  for (const th of ['a', 'b', 'c']) await connection.join(th);
  await run(hub.thread('a').send(1));
  connection.leave('a');
  connection.leave('a');
  connection.leave('b', { reason: 'deleted' });
  connection.leave('c', { reason: 'the room is full' });
  connection.leave('nowhere');
  await run(hub.thread('a').send(2));
  expect(framesOf(link, 'left')).toEqual([
    { t: 'left', th: 'a', why: 'kicked' },
    { t: 'left', th: 'b', why: 'deleted' },
    { t: 'left', th: 'c', why: 'the room is full' },
  ]);
  expect(dataOf(link)).toEqual([1]);
});

it('a reason that is none changes nothing', async () => {
  const { link, connection } = accept();
  await connection.join('a');
  for (const reason of ['', 'x'.repeat(124), 'ä'.repeat(62), JSON.parse('1')]) {
    expect(() => connection.leave('a', { reason })).toThrow(
      expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'reason' }),
    );
  }
  expect([connection.threads, framesOf(link, 'left')]).toEqual([['a'], []]);
});

it('a client that leaves by itself is not told', async () => {
  const { link, connection, clock } = accept();
  await connection.join('a');
  link.say({ t: 'leave', th: 'a' });
  await clock.settle();
  expect([connection.threads, framesOf(link, 'left')]).toEqual([[], []]);
});

it('a new join of the client asks authorize', async () => {
  const asked: string[] = [];
  const { link, connection, clock } = accept({ authorize: (th) => asked.push(th) === 1 });
  link.say({ t: 'join', th: 'a', ref: 1 });
  await clock.settle();
  connection.leave('a');
  link.say({ t: 'join', th: 'a', ref: 2 });
  await clock.settle();
  expect([asked, connection.threads]).toEqual([['a', 'a'], []]);
  expect(framesOf(link, 'err')).toMatchObject([{ code: 'forbidden', ref: 2 }]);
});

it('a join that waits for authorize when the application takes the client out is refused', async () => {
  const answer = Promise.withResolvers<boolean>();
  const { link, connection, clock } = accept({ authorize: () => answer.promise });
  link.say({ t: 'join', th: 'a', ref: 1 });
  await clock.settle();
  connection.leave('a');
  answer.resolve(true);
  await clock.settle();
  expect([connection.threads, framesOf(link, 'err')]).toMatchObject([[], [{ code: 'forbidden', ref: 1 }]]);
});

it('and so is one that waits for the log', async () => {
  const node = new SharedLog(memoryLog()).node();
  const opened = Promise.withResolvers<void>();
  const { link, connection, clock } = accept(
    {},
    {
      log: {
        ...node,
        subscribe: async (...args) => {
          await opened.promise;
          return node.subscribe(...args);
        },
      },
    },
  );
  link.say({ t: 'join', th: 'a', ref: 1 });
  await clock.settle();
  connection.leave('a');
  opened.resolve();
  await clock.settle();
  expect([connection.threads, framesOf(link, 'err')]).toMatchObject([[], [{ code: 'forbidden', ref: 1 }]]);
});

it('a join that is refused where the application has joined is told where the client stands', async () => {
  const { link, hub, connection, clock, run } = accept({ authorize: () => false });
  await connection.join('a');
  const { position } = await run(hub.thread('a').send(1));
  link.say({ t: 'join', th: 'a', ref: 7, from: 'start' });
  await clock.settle();
  expect(framesOf(link, 'err')).toMatchObject([{ code: 'forbidden', th: 'a', ref: 7 }]);
  expect(framesOf(link, 'joined').at(-1)).toMatchObject({ th: 'a', pos: position, ref: 7 });
  expect(dataOf(link)).toEqual([1]);
});

it('at its end, a connection still says which threads it was in', async () => {
  const { connection, hub, clock } = accept();
  const seen: unknown[] = [];
  connection.on('evicted', () => seen.push(connection.threads));
  hub.on('evicted', (news) => {
    seen.push(news.connection.threads, hub.thread('a').members, hub.thread('a').stats.members);
  });
  for (const th of ['a', 'b']) await connection.join(th);
  connection.close();
  await clock.settle();
  expect(seen).toEqual([['a', 'b'], [], 0, ['a', 'b']]);
  expect(connection.threads).toEqual(['a', 'b']);
});
