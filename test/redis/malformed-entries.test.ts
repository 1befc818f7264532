import { createClient } from 'redis';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createHub } from '../../src/index.ts';
import { layoutKeys } from '../../src/infra/log/redis/layout.ts';
import { redisLog } from '../../src/redis/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { caughtWarnings } from '../support/caught-warnings.ts';
import { QUICK, startRedis } from '../support/redis-nodes.ts';

const AT = Date.now();
const entry = (at: unknown, id: string, body: string, header = '{"b":"x"}'): string =>
  `E${String(at)} ${id} ${Buffer.byteLength(header)} ${header}${body}`;

/** What another program may have written, and what the warning says of it. */
const MALFORMED: readonly (readonly [string | Buffer, string])[] = [
  [entry('soon', 'm-1', '1'), 'its time is no number'],
  [entry(AT, 'm-1', ''), 'its message is no JSON'],
  [entry(AT, 'm-1', '{"n":'), 'its message is no JSON'],
  [entry(AT, 'm-1', `{"n":"${'x'.repeat(70_000)}"`), 'its message is no JSON'],
  [Buffer.from(entry(AT, 'm-1', '"\xff"'), 'latin1'), 'its message is no JSON'],
  [entry(AT, 'm"1', '1'), 'its id is none'],
  [entry(AT, 'm-1', '1', '{"b":"x","t":"\\"}"}'), 'its traceparent is none'],
  [entry(AT, 'm-1', '1', '{"b":"x","e":"r"}'), 'the message that it is about has no id'],
];

it('a malformed entry of the log keeps its place, is reported, and reaches no client', async () => {
  const warnings = caughtWarnings();
  const { url } = await startRedis();
  const [writer, other] = [
    createHub({ log: redisLog({ ...QUICK, url }), development: false }),
    createHub({ log: redisLog({ ...QUICK, url }), development: false }),
  ];
  const client = createClient({ url });
  await client.connect();
  onTestFinished(async () => {
    client.destroy();
    await Promise.all([writer.close(), other.close()]);
  });
  for (let n = 1; n <= MALFORMED.length; n++) await writer.thread('t').send({ n });
  // in the places of messages that the other node has never read
  const { log } = layoutKeys('tc').thread('t');
  for (const [i, [stored]] of MALFORMED.entries()) await client.hSet(log, String(i + 1), stored);
  await writer.thread('t').send('well');
  const link = new FakeLink();
  other.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: 't', from: 'start' });
  await vi.waitFor(() => expect(link.received.join()).toContain('"well"'), 240_000);
  await writer.thread('t').send('and goes on');
  await vi.waitFor(() => expect(link.received.join()).toContain('and goes on'), 240_000);
  // each frame is JSON
  const given = link.messages.filter((frame) => JSON.stringify(frame).startsWith('{"t":"msg"'));
  expect(given).toMatchObject([
    { o: MALFORMED.length + 1, d: 'well' },
    { o: MALFORMED.length + 2, d: 'and goes on' },
  ]);
  const reports = MALFORMED.map(([, reason], i) => `entry ${i + 1} of thread t is malformed: ${reason}`);
  expect(warnings.filter((warning) => warning.includes('malformed')).toSorted()).toEqual(reports.toSorted());
});
