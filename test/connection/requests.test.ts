import { afterEach, expect, it } from 'vitest';
import { memoryLog, type AcceptOptions, type DeliveryLog, type HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, isRecord, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

const never = (): Promise<never> => new Promise(() => {});

function accept(options: AcceptOptions = {}, hub: HubOptions = {}) {
  harness = makeHarness(hub);
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, { authorize: () => true, ...options });
  return { link, connection, ...harness };
}

it('a join of the application that is done first does not take the place of the client’s position', async () => {
  const log = new SharedLog(memoryLog());
  const node = log.node();
  const opened = Promise.withResolvers<void>();
  const slowly: DeliveryLog = {
    ...node,
    subscribe: async (...args) => {
      await opened.promise;
      return node.subscribe(...args);
    },
  };
  const { link, connection, hub, clock, run } = accept({}, { log: slowly });
  const other = makeHarness({ log: log.node() });
  const sent = [];
  for (const n of [1, 2, 3]) sent.push(await other.run(other.hub.thread('t').send(n)));
  await other.close();
  const joined = connection.join('t');
  link.say({ t: 'join', th: 't', from: sent[0]?.position });
  await clock.settle();
  opened.resolve();
  await clock.settle();
  await joined;
  expect(framesOf(link, 'joined').at(-1)).toMatchObject({ pos: sent[0]?.position, recovered: 2 });
  expect(dataOf(link)).toEqual([2, 3]);
  await run(hub.thread('t').send(4));
  expect(dataOf(link)).toEqual([2, 3, 4]);
  expect(connection.threads).toEqual(['t']);
});

it('a cancel does not wait for a message that the application is still busy with', async () => {
  const { link, connection, hub, clock } = accept({ onPublish: never });
  await connection.join('t');
  const stream = hub.thread('t').stream();
  stream.append('so');
  link.say({ t: 'pub', th: 't', id: 'question', d: 1 });
  link.say({ t: 'cancel', th: 't', s: stream.id });
  await clock.settle();
  expect(stream.signal.aborted).toBe(true);
});

it('an onPublish, an authorize and a mayCancel without an answer are refused in time, and what comes after has its turn', async () => {
  const { link, hub, clock, errors } = accept({
    authorize: (threadId) => (threadId === 'slow' ? never() : true),
    onPublish: ({ id }) => (id.endsWith('.slow') ? never() : undefined),
  });
  const stream = hub.thread('t').stream({ mayCancel: never });
  link.say({ t: 'join', th: 't' });
  link.say({ t: 'pub', th: 't', id: 'slow', d: 1 });
  link.say({ t: 'join', th: 'slow' });
  link.say({ t: 'pub', th: 't', id: 'next', d: 1 });
  await clock.settle();
  link.say({ t: 'cancel', th: 't', s: stream.id });
  await clock.advance(29_000);
  expect([framesOf(link, 'ok'), framesOf(link, 'err')]).toEqual([[], []]);
  await clock.advance(32_000);
  const code = 'TC_ANSWER_TIMEOUT';
  const refusals = [
    { t: 'err', code, th: 't' },
    { t: 'err', code, th: 't', id: 'slow' },
    { t: 'err', code, th: 'slow' },
  ];
  expect(framesOf(link, 'err')).toHaveLength(3);
  expect(framesOf(link, 'err')).toEqual(expect.arrayContaining(refusals));
  expect(framesOf(link, 'ok')).toMatchObject([{ t: 'ok', th: 't', id: 'next' }]);
  expect(link.isClosed).toBe(false);
  const reported = ['onPublish', 'mayCancel', 'authorize'].map((callback) => ({ code, callback, timeoutMs: 30_000 }));
  expect(errors).toHaveLength(3);
  expect(errors).toEqual(expect.arrayContaining(reported.map((facts) => expect.objectContaining(facts))));
});

it('an answer that comes too late, or fails too late, is nobody’s any more', async () => {
  const answers = [Promise.withResolvers<boolean>(), Promise.withResolvers<boolean>()];
  let asked = 0;
  const { link, clock, errors } = accept(
    { onPublish: () => answers[asked++]?.promise },
    { answerTimeoutMs: 500, sweepMs: 100 },
  );
  link.say({ t: 'pub', th: 't', id: 'a', d: 1 });
  link.say({ t: 'pub', th: 't', id: 'b', d: 1 });
  await clock.advance(2_000);
  answers[0]?.resolve(true);
  answers[1]?.reject(new Error('late'));
  await clock.settle();
  expect(framesOf(link, 'ok')).toEqual([]);
  expect(framesOf(link, 'err').map(({ id }) => id)).toEqual(['a', 'b']);
  expect(errors).toHaveLength(2);
});

it('a join’s ref comes back with its answer, whichever that is, and only with that', async () => {
  const { link, clock } = accept({ authorize: (threadId) => threadId !== 'secret' });
  link.say({ t: 'join', th: 't', ref: 7 });
  link.say({ t: 'join', th: 't', ref: 8 });
  link.say({ t: 'join', th: 't', ref: 9, from: 'nonsense' });
  link.say({ t: 'join', th: 'secret', ref: 10 });
  link.say({ t: 'join', th: 't', ref: { a: 1 } });
  link.say({ t: 'cancel', th: 'secret', s: 'x', ref: 11 });
  await clock.settle();
  expect(framesOf(link, 'joined').map(({ ref }) => ref)).toEqual([7, 8, undefined]);
  const refusals = framesOf(link, 'err').map(({ code, ref }) => [code, ref]);
  expect(refusals).toHaveLength(3);
  expect(refusals).toEqual(
    expect.arrayContaining([
      ['TC_INVALID_POSITION', 9],
      ['forbidden', 10],
      ['forbidden', undefined],
    ]),
  );
});

it('who comes while the log cannot be reached is told so with hello', async () => {
  let change: (error: Error | undefined) => void = () => {};
  const log: DeliveryLog = { ...new SharedLog(memoryLog()).node(), watch: (onChange) => void (change = onChange) };
  const { link, hub, clock } = accept({}, { log });
  change(new Error('gone'));
  await clock.settle();
  const late = new FakeLink();
  hub.accept(late.attach);
  change(undefined);
  await clock.settle();
  const next = new FakeLink();
  hub.accept(next.attach);
  expect([link, late, next].map((each) => framesOf(each, 'hello').map(({ up }) => up))).toEqual([
    [undefined],
    [false],
    [undefined],
  ]);
  expect([link, late, next].map((each) => framesOf(each, 'log').map(({ up }) => up))).toEqual([
    [false, true],
    [true],
    [],
  ]);
});

it('what overtook before the client had asked comes again after its joined', async () => {
  const { link, connection, hub, clock } = accept({}, { highWaterMarkBytes: 262_144 });
  await connection.join('t');
  const big = (text: string): string => text.repeat(200_000);
  link.stall();
  for (const text of ['a', 'b', 'c', 'd']) void hub.thread('t').send(big(text));
  void hub.thread('t').send(big('!'), { lane: 'critical' });
  await clock.settle();
  // the critical one is in the socket, and so is the first of the others
  link.say({ t: 'join', th: 't', ref: 1 });
  await clock.settle();
  link.resume();
  await clock.settle();
  const frames = link.messages.filter(isRecord);
  const joinedAt = frames.findIndex(({ ref }) => ref === 1);
  const after = frames.slice(joinedAt).filter(({ t }) => t === 'msg');
  const offset = Number(String(frames[joinedAt]?.['pos']).split('.')[1]);
  expect(new Set(after.map(({ o }) => o))).toEqual(new Set([1, 2, 3, 4, 5].filter((o) => o > offset)));
});
