import { expect, it } from 'vitest';
import type { Receipt } from '../../src/index.ts';
import { asJson, EventReader, json, serveHttp, type Served } from './fixtures/http-server.ts';

it('streams a thread as events whose ids are positions, and resumes by Last-Event-ID', async () => {
  const { hub, url, errors } = await serveHttp();
  const thread = hub.thread('räume/42 ?');
  const events = `${url}/${encodeURIComponent(thread.id)}/events`;
  const reader = await EventReader.open(events);
  expect(reader.response.status).toBe(200);
  expect(reader.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  await reader.until(({ frames }) => frames.some(({ t }) => t === 'joined'));
  const receipt = await thread.send({ text: 'one\nline' });
  await reader.until(({ messages }) => messages.length === 1);
  expect(reader.messages).toEqual([{ text: 'one\nline' }]);
  expect(reader.lastId).toBe(receipt.position);
  reader.close();
  await thread.send('two');
  await thread.send('three');
  const again = await EventReader.open(events, { 'last-event-id': reader.lastId });
  await again.until(({ messages }) => messages.length === 2);
  expect(again.messages).toEqual(['two', 'three']);
  expect(errors).toEqual([]);
});

it('keeps the protocol: hello, joined, gap, and a critical message without a position of its own', async () => {
  const { hub, url } = await serveHttp();
  const first = await hub.thread('t').send('a');
  const reader = await EventReader.open(`${url}/t/events?from=start`);
  await reader.until(({ messages }) => messages.length === 1);
  expect(reader.frames.map(({ t }) => t)).toEqual(['hello', 'joined', 'msg']);
  expect(reader.lastId).toBe(first.position);
  const lost = await EventReader.open(`${url}/t/events`, { 'last-event-id': 'gone.5.x' });
  await lost.until(({ frames }) => frames.some(({ t }) => t === 'gap'));
  // the position of a `joined` that a gap follows is not the client's
  expect(lost.events.find(({ data }) => data.includes('"joined"'))?.id).toBeUndefined();
  expect(lost.frames.find(({ t }) => t === 'gap')).toMatchObject({ why: 'epoch' });
  expect(lost.lastId).not.toBe('');
});

it('gives the bare data in the plain format, with positions', async () => {
  const { hub, url } = await serveHttp();
  const reader = await EventReader.open(`${url}/t/events?format=plain`);
  expect(reader.response.status).toBe(200);
  await reader.until(({ lastId }) => lastId !== '');
  const receipt = await hub.thread('t').send({ a: 1 });
  const big = await hub.thread('t').send({ big: 'ä'.repeat(400_000) });
  await reader.until(({ events }) => events.length === 2);
  expect(reader.events[0]).toEqual({ id: receipt.position, type: 'message', data: '{"a":1}' });
  expect(JSON.parse(reader.events[1]?.data ?? '')).toEqual({ big: 'ä'.repeat(400_000) });
  expect(reader.lastId).toBe(big.position);
});

it('streams several threads, with the positions of all in each id', async () => {
  const { hub, url } = await serveHttp();
  const events = `${url}/events?thread=a&thread=b`;
  const reader = await EventReader.open(events);
  await reader.until(({ frames }) => frames.filter(({ t }) => t === 'joined').length === 2);
  const a = await hub.thread('a').send('a1');
  const b = await hub.thread('b').send('b1');
  await reader.until(({ messages }) => messages.length === 2);
  expect(reader.lastId).toBe(`${a.position},${b.position}`);
  reader.close();
  await hub.thread('b').send('b2');
  await hub.thread('a').send('a2');
  for (const again of [
    await EventReader.open(events, { 'last-event-id': reader.lastId }),
    await EventReader.open(`${events}&from=${reader.lastId}`),
    await EventReader.open(`${events}&from=${a.position}&from=${b.position}`),
  ]) {
    await again.until(({ messages }) => messages.length === 2);
    expect(new Set(again.messages)).toEqual(new Set(['a2', 'b2']));
  }
});

it('answers with a status what it refuses, before anything is streamed', async () => {
  const { url, errors, connections } = await serveHttp({
    authorize: (_, threadId) => threadId !== 'secret',
    authenticate: ({ url: asked = '' }) => (asked.includes('guest') ? null : { userId: 'ada' }),
  });
  const statusOf = async (path: string): Promise<readonly unknown[]> => {
    const response = await fetch(url + path);
    const body: { code?: string; status?: number } = JSON.parse(await response.text());
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(body.status).toBe(response.status);
    return [response.status, body.code];
  };
  expect(await statusOf('/secret/events')).toEqual([403, 'forbidden']);
  expect(await statusOf('/events?thread=ok&thread=secret')).toEqual([403, 'forbidden']);
  expect(await statusOf('/t/events?guest')).toEqual([401, 'unauthenticated']);
  expect(await statusOf('/t/events?from=junk')).toEqual([400, 'TC_INVALID_POSITION']);
  expect(await statusOf('/events')).toEqual([400, 'bad-request']);
  expect(await statusOf(`/events?${Array.from({ length: 17 }, (_, i) => `thread=${i}`).join('&')}`)).toEqual([
    400,
    'bad-request',
  ]);
  expect(await statusOf('/events?thread=a&from=x,y')).toEqual([400, 'TC_INVALID_POSITION']);
  expect(await statusOf('/~user:ada/events')).toEqual([400, 'TC_INVALID_THREAD_ID']);
  expect(await statusOf('/%FF/events')).toEqual([400, 'TC_INVALID_THREAD_ID']);
  expect(await statusOf('/t/nothing')).toEqual([404, 'not-found']);
  expect(await statusOf('/t/poll?waitMs=-1')).toEqual([400, 'TC_INVALID_OPTION']);
  await expect.poll(() => connections.every(({ state }) => state === 'evicted')).toBe(true);
  expect(errors).toEqual([]);
});

it('is a connection: events, threads, stats, close codes', async () => {
  const { hub, url, connections } = await serveHttp({ authenticate: () => ({ userId: 'ada', data: { role: 'x' } }) });
  const reader = await EventReader.open(`${url}/t/events`);
  const [connection] = connections;
  expect(connection?.threads).toEqual(['t']);
  expect(connection?.userId).toBe('ada');
  expect(connection?.data).toEqual({ role: 'x' });
  const receipt = await hub.thread('t').send('hi');
  expect(receipt.recipients).toBe(1);
  // the kernel has taken it, which is no receipt of the client
  expect((await receipt.settled()).written).toBe(1);
  expect(connection?.stats.roundTripMs).toBeUndefined();
  await hub.user('ada').send('for you');
  await reader.until(({ messages }) => messages.length === 2);
  connection?.close(4403, 'banned');
  await reader.until(({ frames }) => frames.some(({ t }) => t === 'close'));
  expect(reader.frames.at(-1)).toEqual({ t: 'close', code: 4403, reason: 'banned' });
  expect(reader.retryMs).toBe(3_600_000);
  await expect.poll(() => reader.isEnded).toBe(true);
});

it('tells clients to come back when the hub drains', async () => {
  const { hub, url } = await serveHttp();
  const reader = await EventReader.open(`${url}/t/events`);
  await reader.until(({ frames }) => frames.length === 2);
  await hub.drain();
  await expect.poll(() => reader.isEnded).toBe(true);
  expect(reader.frames.slice(-2).map(({ t }) => t)).toEqual(['bye', 'close']);
  expect(reader.retryMs).toBeGreaterThanOrEqual(1_000);
  expect((await fetch(`${url}/t/events`)).status).toBe(503);
});

it('polls: what is there at once, or what comes in time', async () => {
  const { hub, url } = await serveHttp();
  const poll = (query: string) =>
    asJson<{ position: string; messages: Record<string, unknown>[] }>(`${url}/t/poll?${query}`);
  const empty = await poll('waitMs=0');
  expect(empty.messages).toEqual([]);
  await hub.thread('t').send(1);
  const { position } = await hub.thread('t').send({ big: 'x'.repeat(600_000) });
  const two = await poll(`from=${empty.position}&waitMs=20000`);
  expect(two.messages.map(({ t }) => t)).toEqual(['msg', 'msg']);
  expect(two.position).toBe(position);
  const waiting = poll(`from=${two.position}&waitMs=20000`);
  await expect.poll(() => hub.thread('t').stats.members).toBe(1);
  await hub.thread('t').send('late');
  expect((await waiting).messages.map(({ d }) => d)).toEqual(['late']);
  await expect.poll(() => hub.stats().connections.total).toBe(0);
});

it('publishes once for each key, with receipts, and reads history', async () => {
  const served: Served = await serveHttp({
    authenticate: () => ({ userId: 'ada' }),
    onPublish: ({ userId }, { threadId, id, data }): Promise<Receipt> =>
      served.hub.thread(threadId).send({ userId, data }, { idempotencyKey: id }),
  });
  const { url } = served;
  const post = (key: string, body: unknown) =>
    asJson<{ id: string; position: string }>(`${url}/t/messages`, json(body, { 'idempotency-key': key }));
  const first = await post('k1', { text: 'hi' });
  expect(await post('"k1"', { text: 'again' })).toEqual(first);
  const second = await post('k2', 2);
  const page = await asJson(`${url}/t/messages?limit=1`);
  expect(page).toMatchObject({ hasOlder: true, messages: [{ id: second.id, data: { userId: 'ada', data: 2 } }] });
  const older = await asJson(`${url}/t/messages?before=${encodeURIComponent(second.position)}`);
  expect(older).toMatchObject({ messages: [{ position: first.position, data: { data: { text: 'hi' } } }] });
});

it('refuses what is wrong in a post', async () => {
  const { url } = await serveHttp({ onPublish: () => false, maxBodyBytes: 1_000 });
  const at = `${url}/t/messages`;
  expect((await fetch(at, json(1))).status).toBe(403);
  expect((await fetch(at, { method: 'POST', body: '1' })).status).toBe(415);
  expect((await fetch(at, { ...json(1), body: '{' })).status).toBe(400);
  expect((await fetch(at, json('x'.repeat(2_000)))).status).toBe(413);
  expect((await fetch(at, json(1, { 'idempotency-key': 'a b' }))).status).toBe(400);
  const wrong = await fetch(at, { method: 'DELETE' });
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, POST, OPTIONS']);
});

it('takes acks of the client, which make a delivery certain', async () => {
  const { hub, url } = await serveHttp({ authenticate: () => ({ userId: 'ada' }) });
  const reader = await EventReader.open(`${url}/t/events`);
  const receipt = await hub.thread('t').send('hi');
  const settled = receipt.settled({ until: 'acked' });
  await reader.until(({ messages }) => messages.length === 1);
  const sid = reader.frames[0]?.['sid'];
  expect((await fetch(`${url}/acks`, json({ sid, l: [['t', 1]] }))).status).toBe(204);
  expect(await settled).toMatchObject({ acked: 1 });
  expect((await fetch(`${url}/acks`, json({ sid: 'unknown', l: [['t', 1]] }))).status).toBe(404);
});
