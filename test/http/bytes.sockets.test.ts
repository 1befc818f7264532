import { expect, it } from 'vitest';
import { answer, type Receipt } from '../../src/index.ts';
import { EventReader, serveHttp, type Served } from './fixtures/http-server.ts';

const SENT = Uint8Array.from({ length: 3_000 }, (_, i) => i * 7);
const BASE64 = Buffer.from(SENT).toString('base64');

async function serve(): Promise<{ served: Served; heard: unknown[] }> {
  const heard: unknown[] = [];
  const served: Served = await serveHttp({
    onPublish: (_, { threadId, data }): Promise<Receipt> => {
      heard.push(data);
      return served.hub.thread(threadId).send(data);
    },
  });
  return { served, heard };
}

it('a body of bytes is published as such', async () => {
  const { served, heard } = await serve();
  const { url } = served;
  const post = { method: 'POST', headers: { 'content-type': 'application/octet-stream' } };
  const response = await fetch(`${url}/t/messages`, { ...post, body: SENT });
  expect(await response.json()).toMatchObject({ id: expect.anything() });
  expect(heard).toEqual([SENT]);
  const tooBig = await fetch(`${url}/t/messages`, { ...post, body: new Uint8Array(70_000) });
  expect(tooBig.status).toBe(413);
});

it('an answer of bytes says that it is base64', async () => {
  const { url } = await serveHttp({ onPublish: () => answer(SENT) });
  const post = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const response = await fetch(`${url}/t/messages`, { ...post, body: '1' });
  expect(await response.json()).toEqual({ id: expect.any(String), enc: 'base64', data: BASE64 });
});

it('event streams, polls and history say that bytes come as base64', async () => {
  const { url, hub } = (await serve()).served;
  const frames = await EventReader.open(`${url}/t/events?from=start`);
  const bare = await EventReader.open(`${url}/t/events?format=plain&from=start`);
  await hub.thread('t').send('text');
  await hub.thread('t').send(SENT);
  await frames.until(({ messages }) => messages.length === 2);
  expect(frames.frames.at(-1)).toMatchObject({ t: 'msg', o: 2, enc: 'base64', d: BASE64 });
  await bare.until(({ events }) => events.length === 2);
  expect(bare.events.map(({ type, data }) => [type, JSON.parse(data)])).toEqual([
    ['message', 'text'],
    ['bytes', BASE64],
  ]);
  expect(bare.lastId).toBe(frames.lastId);
  const polled = await (await fetch(`${url}/t/poll?from=start`)).json();
  expect(polled).toMatchObject({ messages: [{ d: 'text' }, { enc: 'base64', d: BASE64 }] });
  const page = await (await fetch(`${url}/t/messages`)).json();
  expect(page).toMatchObject({ messages: [{ data: 'text' }, { enc: 'base64', data: BASE64 }] });
});

it('a big message of bytes is whole over both', async () => {
  const { url, hub } = (await serve()).served;
  const big = Uint8Array.from({ length: 2_000_001 }, (_, i) => (i * i) >> 5);
  const frames = await EventReader.open(`${url}/t/events?from=start`);
  await hub.thread('t').send(big);
  await frames.until(({ messages }) => messages.length === 1);
  const [text] = frames.messages;
  expect(Buffer.compare(Buffer.from(String(text), 'base64'), big)).toBe(0);
  const page = await (await fetch(`${url}/t/messages`)).json();
  const [message] = Object(page).messages;
  expect(message.enc).toBe('base64');
  expect(Buffer.compare(Buffer.from(message.data, 'base64'), big)).toBe(0);
});
