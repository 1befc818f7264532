import { expect, it } from 'vitest';
import { answer } from '../../src/index.ts';
import { asJson, EventReader, json, serveHttp, type Served } from '../http/fixtures/http-server.ts';
import { startLog, startRedis } from '../support/redis-nodes.ts';

/** The HTTP doors of two nodes with one Redis. */
async function twoDoors(): Promise<{ here: Served; there: Served; asked: Served[] }> {
  const { url } = await startRedis();
  const asked: Served[] = [];
  const open = async (): Promise<Served> => {
    const served: Served = await serveHttp(
      {
        authenticate: () => ({ userId: 'ada' }),
        onPublish: async (_, { threadId, id, data }) => {
          asked.push(served);
          return answer({ asked: asked.length }, await served.hub.thread(threadId).send(data, { idempotencyKey: id }));
        },
        onValue: () => true,
      },
      { log: startLog({ url }) },
    );
    return served;
  };
  return { here: await open(), there: await open(), asked };
}

it('a post is answered once, on whichever node it is repeated; an event stream goes on at the other node', async () => {
  const { here, there, asked } = await twoDoors();
  const events = await EventReader.open(`${there.url}/t/events`);
  await events.until(({ frames }) => frames.some(({ t }) => t === 'joined'));
  const once = json('one', { 'idempotency-key': 'k1' });
  const first = await asJson(`${here.url}/t/messages`, once);
  expect(await asJson(`${there.url}/t/messages`, once)).toEqual(first);
  expect(await asJson(`${here.url}/t/messages`, once)).toEqual(first);
  expect(asked).toEqual([here]);
  await events.until(({ messages }) => messages.length === 1);
  events.close();
  await asJson(`${there.url}/t/messages`, json('two'));
  const again = await EventReader.open(`${here.url}/t/events`, { 'last-event-id': events.lastId });
  await again.until(({ messages }) => messages.length === 1);
  expect([events.messages, again.messages]).toEqual([['one'], ['two']]);
  const page = await asJson<{ messages: { data: unknown }[] }>(`${there.url}/t/messages`);
  expect(page.messages.map(({ data }) => data)).toEqual(['one', 'two']);
});

it('values that are set by requests to one node are events and JSON on the other, and go with their stream', async () => {
  const { here, there } = await twoDoors();
  const owner = await EventReader.open(`${here.url}/t/events`);
  const reader = await EventReader.open(`${there.url}/t/events?values=1`);
  await reader.until(({ frames }) => frames.some(({ t }) => t === 'vals'));
  await owner.until(({ frames }) => frames.length > 0);
  const put = (key: string, query = ''): Promise<Response> =>
    fetch(`${here.url}/t/values/${key}${query}`, { ...json(key), method: 'PUT' });
  expect((await put('topic')).status).toBe(204);
  expect((await put('typing', `?owned=1&sid=${String(owner.frames[0]?.['sid'])}`)).status).toBe(204);
  expect(await asJson(`${there.url}/t/values`)).toEqual({ values: { topic: 'topic', typing: 'typing' } });
  const has = (change: unknown) => (events: EventReader) =>
    events.frames.some(
      ({ t, l }) =>
        t === 'vals' && Array.isArray(l) && l.some((each) => JSON.stringify(each) === JSON.stringify(change)),
    );
  await reader.until(has(['topic', 'topic']));
  await reader.until(has(['typing', 'typing']));
  owner.close();
  await reader.until(has(['typing']));
  expect((await fetch(`${there.url}/t/values/topic`, { method: 'DELETE' })).status).toBe(204);
  await reader.until(has(['topic']));
  expect(await asJson(`${here.url}/t/values`)).toEqual({ values: {} });
});
