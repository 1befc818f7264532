import { afterEach, expect, it } from 'vitest';
import { LogUnavailableError, memoryLog, type DeliveryLog } from '../../src/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.errors).toEqual([]);
});

it('all members leave with the reason deleted, and nothing is read any more', async () => {
  harness = makeHarness();
  const { hub, run, clock } = harness;
  const thread = hub.thread('t');
  const members = Array.from({ length: 50 }, () => harness.connect());
  for (const { connection } of members) await connection.join('t');
  const { position } = await run(thread.send('secret'));
  await run(thread.delete());
  await clock.settle();
  for (const { link, connection } of members) {
    expect(framesOf(link, 'left')).toMatchObject([{ th: 't', why: 'deleted' }]);
    expect(framesOf(link, 'gap')).toEqual([]);
    expect(connection.threads).not.toContain('t');
  }
  expect((await run(thread.history())).messages).toEqual([]);
  const late = harness.connect();
  await late.connection.join('t', { from: position });
  await run(thread.send('anew'));
  expect(framesOf(late.link, 'gap')).toMatchObject([{ why: 'epoch' }]);
  expect(framesOf(late.link, 'msg')).toMatchObject([{ o: 1, d: 'anew' }]);
});

it('what is sent before its members have left is for none of them', async () => {
  harness = makeHarness();
  const { hub, run, clock } = harness;
  const thread = hub.thread('t');
  const members = Array.from({ length: 50 }, () => harness.connect());
  for (const { connection } of members) await connection.join('t');
  await run(thread.send('secret'));
  const deleted = thread.delete();
  const sent = [
    thread.send('anew'),
    thread.send('urgent', { lane: 'critical' }),
    thread.send('now', { lane: 'volatile' }),
  ];
  await run(deleted);
  const receipts = await run(Promise.all(sent));
  await clock.settle();
  expect(receipts.map(({ recipients }) => recipients)).toEqual([0, 0, 0]);
  for (const { link } of members) {
    expect(framesOf(link, 'msg').map(({ d }) => d)).toEqual(['secret']);
    expect(framesOf(link, 'left')).toMatchObject([{ th: 't', why: 'deleted' }]);
  }
  expect((await run(thread.history())).messages.map(({ data }) => data)).toEqual(['anew', 'urgent']);
});

it('a stalled member gets no more of it than its socket holds, and a big message in parts ends', async () => {
  harness = makeHarness();
  const { hub, run, clock } = harness;
  const { link, connection } = harness.connect();
  await connection.join('t');
  link.stall();
  const thread = hub.thread('t');
  for (let i = 0; i < 5; i++) await run(thread.send(`${i}${'x'.repeat(900_000)}`));
  await run(thread.delete());
  link.resume();
  await clock.advance(1_000);
  expect(framesOf(link, 'msg').length).toBeLessThanOrEqual(1);
  expect(framesOf(link, 'left')).toHaveLength(1);
  expect(hub.stats().segmentsInUse).toBe(0);
});

it('a stream in progress ends without a message', async () => {
  harness = makeHarness();
  const { hub, run, clock } = harness;
  await harness.connect().connection.join('t');
  const thread = hub.thread('t');
  const stream = thread.stream();
  stream.append('secret');
  await run(thread.delete());
  await clock.advance(5_000);
  expect(stream.signal.aborted).toBe(true);
  expect((await run(thread.history())).messages).toEqual([]);
});

it('the text of a stream does not come back, whether its publisher ends it, aborts it or pipes', async () => {
  harness = makeHarness();
  const { hub, run, clock } = harness;
  await harness.connect().connection.join('t');
  const thread = hub.thread('t');
  const [ended, aborted, piped] = [thread.stream(), thread.stream(), thread.stream()];
  for (const stream of [ended, aborted]) stream.append('secret');
  let pull = (): void => {};
  const piping = piped.pipe(
    (async function* () {
      yield 'secret';
      await new Promise<void>((resolve) => {
        pull = resolve;
      });
      yield 'more';
    })(),
  );
  piping.catch(() => {});
  await clock.advance(100);
  await run(thread.delete());
  pull();
  await clock.advance(100);
  expect(ended.signal.reason).toMatchObject({ reason: 'deleted' });
  await expect(run(ended.end())).rejects.toMatchObject({ code: 'TC_STREAM_ENDED' });
  await expect(run(aborted.abort())).rejects.toMatchObject({ code: 'TC_STREAM_ENDED' });
  await expect(piping).rejects.toMatchObject({ code: 'TC_STREAM_ENDED' });
  expect(() => ended.append('more')).toThrow(expect.objectContaining({ code: 'TC_STREAM_ENDED' }));
  expect((await run(thread.history())).messages).toEqual([]);
});

it('twice, of a thread that nobody has used, and on a hub that is closed', async () => {
  harness = makeHarness();
  const { hub, run } = harness;
  const thread = hub.thread('t');
  await run(thread.delete());
  await run(thread.send(1));
  await run(Promise.all([thread.delete(), thread.delete()]));
  expect((await run(thread.history())).messages).toEqual([]);
  await harness.close();
  await expect(thread.delete()).rejects.toMatchObject({ code: 'TC_HUB_CLOSED' });
});

it('a log that cannot erase refuses', async () => {
  const log: DeliveryLog = memoryLog();
  harness = makeHarness({
    log: {
      append: (draft) => log.append(draft),
      readAfter: (...args) => log.readAfter(...args),
      readBefore: (...args) => log.readBefore(...args),
      position: (threadId) => log.position(threadId),
      subscribe: (...args) => log.subscribe(...args),
      sweep: (isTimeUp) => log.sweep(isTimeUp),
      close: () => log.close(),
    },
  });
  await expect(harness.hub.thread('t').delete()).rejects.toThrow(LogUnavailableError);
});
