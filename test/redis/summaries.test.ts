import { expect, it, onTestFinished } from 'vitest';
import { createHub } from '../../src/index.ts';
import { receipts } from '../../src/presence/index.ts';
import { startLog, startRedis } from '../support/redis-nodes.ts';

it('a list of two hundred chats on a node that has none of them open', async () => {
  const server = await startRedis();
  const [here, there] = [0, 1].map(() => {
    const hub = createHub({ log: startLog({ url: `redis://127.0.0.1:${server.port}` }) });
    hub.on('error', (error) => expect.fail(String(error)));
    onTestFinished(() => hub.close());
    return hub;
  });
  if (here === undefined || there === undefined) throw new Error('no hubs');
  const ids = Array.from({ length: 200 }, (_, i) => `chat:${i}`);
  const first = await here.to(ids).send('first');
  await here.to(ids.slice(0, 20)).send({ text: 'x'.repeat(100_000) });
  for (let i = 0; i < 30; i++) await here.thread('chat:7').send(i);
  const summaries = await there.summaries(ids.map((id, i) => ({ id, readTo: first[i]?.position })));
  expect(summaries.map(({ threadId }) => threadId)).toEqual(ids);
  expect(summaries.map(({ unread }) => unread)).toEqual(ids.map((_, i) => (i === 7 ? 31 : i < 20 ? 1 : 0)));
  expect([summaries[7]?.last?.data, summaries[30]?.last?.data]).toEqual([29, 'first']);
  expect(summaries[3]?.last).toMatchObject({ data: { text: 'x'.repeat(100_000) }, at: expect.any(Number) });
  // the receipts of a user, who reads at either node
  await receipts(here.thread('chat:7')).read('ada', first[7]?.position ?? '');
  await receipts(there.thread('chat:30')).read('ada', first[30]?.position ?? '');
  for (const hub of [here, there]) {
    const ofAda = await hub.summaries(ids, { userId: 'ada' });
    expect(ofAda.map(({ unread }) => unread)).toEqual(ids.map((_, i) => (i === 7 ? 31 : i === 30 ? 0 : undefined)));
  }
  expect([...there.threads]).toEqual([]);
});
