import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { connect } from '../../src/client/index.ts';
import { sse } from '../../src/client/sse.ts';
import { defineThread } from '../../src/define/index.ts';
import { refuse, type ClientValue, type HubOptions } from '../../src/index.ts';
import { values } from '../../src/values/index.ts';
import { asJson, EventReader, json, serveHttp, type Served } from './fixtures/http-server.ts';

/** Users may change what begins with their name; the application refuses `x`, with a word. */
async function serve(hubOptions: HubOptions = {}): Promise<{ served: Served; asked: [ClientValue, string][] }> {
  const asked: [ClientValue, string][] = [];
  const served = await serveHttp(
    {
      authenticate: ({ headers }) => ({ userId: String(headers['x-user'] ?? 'ada') }),
      authorize: (_, threadId) => threadId !== 'secret',
      onValue: ({ userId }, change, connection) => {
        asked.push([change, connection.state]);
        if (change.key === 'x') return refuse(429, 'slowly');
        return change.key.startsWith(`${userId}:`) || change.key === 'typing';
      },
    },
    hubOptions,
  );
  return { served, asked };
}

const put = (value: unknown, user = 'ada'): RequestInit => ({ ...json(value, { 'x-user': user }), method: 'PUT' });

const problemOf = async (url: string, init: RequestInit): Promise<unknown> => {
  const response = await fetch(url, init);
  return [response.status, Object(await response.json()).code];
};

it('a bare client reads values as JSON and as events, and changes them as onValue decides', async () => {
  const { served, asked } = await serve();
  const { url, hub, errors } = served;
  await hub.thread('room 1').values.set('topic', 'Lunch ü');
  const events = await EventReader.open(`${url}/room%201/events?values=1`);
  const whole = { t: 'vals', th: 'room 1', all: true, l: [['topic', 'Lunch ü']] };
  await events.until(({ frames }) => frames.some(({ t }) => t === 'vals'));
  expect(events.frames.at(-1)).toEqual(whole);
  const at = `${url}/room%201/values`;
  expect((await fetch(`${at}/ada%3Amood`, put({ is: 'good' }))).status).toBe(204);
  // as sendBeacon does
  expect((await fetch(`${at}/typing?ttlMs=60000`, json(true))).status).toBe(204);
  expect(await asJson(at)).toEqual({ values: { topic: 'Lunch ü', 'ada:mood': { is: 'good' }, typing: true } });
  expect((await fetch(`${at}/ada%3Amood`, { method: 'DELETE' })).status).toBe(204);
  // there is none any more
  expect((await fetch(`${at}/ada%3Amood`, { method: 'DELETE' })).status).toBe(204);
  expect(await hub.thread('room 1').values.entries()).toEqual([
    ['topic', 'Lunch ü'],
    ['typing', true],
  ]);
  // changes of the same moment come in one frame
  const isGone = (entry: unknown): boolean => JSON.stringify(entry) === '["ada:mood"]';
  await events.until(({ frames }) => frames.some(({ l }) => Array.isArray(l) && l.some(isGone)));
  expect(asked.map(([{ key, value, ttlMs, isOwned }, state]) => [key, value, ttlMs, isOwned, state])).toEqual([
    ['ada:mood', { is: 'good' }, undefined, false, 'evicted'],
    ['typing', true, 60_000, false, 'evicted'],
    ['ada:mood', undefined, undefined, false, 'evicted'],
    ['ada:mood', undefined, undefined, false, 'evicted'],
  ]);
  // an id is a position: values have none
  expect(events.events.find(({ data }) => data.includes('"vals"'))?.id).toBeUndefined();
  expect(errors).toEqual([]);
});

it('what may not be is refused with a code, and changes nothing', async () => {
  const { served, asked } = await serve();
  const { url, hub } = served;
  const at = `${url}/t/values`;
  expect(await problemOf(`${at}/bob%3Amood`, put(1))).toEqual([403, 'forbidden']);
  expect(await problemOf(`${at}/x`, put(1))).toEqual([429, 'rate-limited']);
  expect(await problemOf(`${url}/secret/values/ada%3A1`, put(1))).toEqual([403, 'forbidden']);
  expect(await problemOf(`${url}/secret/values`, {})).toEqual([403, 'forbidden']);
  expect(await problemOf(`${url}/~user%3Aada/values/ada%3A1`, put(1))).toEqual([400, 'TC_INVALID_THREAD_ID']);
  expect(await problemOf(`${url}/~user%3Aada/values`, {})).toEqual([400, 'TC_INVALID_THREAD_ID']);
  expect(await problemOf(`${at}/%0A`, put(1))).toEqual([400, 'TC_INVALID_OPTION']);
  expect(await problemOf(`${at}/%`, put(1))).toEqual([400, 'TC_INVALID_OPTION']);
  expect(await problemOf(`${at}/${'k'.repeat(129)}`, put(1))).toEqual([400, 'TC_INVALID_OPTION']);
  expect(await problemOf(`${at}/ada%3A1?ttlMs=soon`, put(1))).toEqual([400, 'TC_INVALID_OPTION']);
  expect(await problemOf(`${at}/ada%3A1?ttlMs=99999999999`, put(1))).toEqual([400, 'TC_INVALID_OPTION']);
  expect(await problemOf(`${at}/ada%3A1`, { ...put(1), body: '{' })).toEqual([400, 'bad-request']);
  expect(await problemOf(`${at}/ada%3A1`, { method: 'PUT', body: 'x' })).toEqual([415, 'unsupported-media-type']);
  expect(await problemOf(`${at}/ada%3A1`, put('x'.repeat(5_000)))).toEqual([413, 'TC_VALUE_LIMIT']);
  expect(await problemOf(`${at}/ada%3A1?owned=1`, put(1))).toEqual([404, 'unknown-connection']);
  expect(await problemOf(`${at}/ada%3A1?owned=1&sid=nobody`, put(1))).toEqual([404, 'unknown-connection']);
  expect(await problemOf(`${at}/ada%3A1`, { method: 'GET' })).toEqual([405, 'method']);
  expect(await problemOf(at, { method: 'DELETE' })).toEqual([405, 'method']);
  expect(await problemOf(`${url}/t/events?values=1&format=plain`, {})).toEqual([400, 'bad-request']);
  expect((await fetch(`${at}/a/b`, put(1))).status).toBe(404);
  expect(asked.map(([{ key }]) => key)).toEqual(['bob:mood', 'x', 'ada:1']);
  expect(await hub.thread('t').values.entries()).toEqual([]);
});

it('without onValue nothing may be changed; a definition decides about keys and values', async () => {
  const { url } = await serveHttp({ authenticate: () => ({ userId: 'ada' }) });
  expect(await problemOf(`${url}/t/values/a`, put(1))).toEqual([403, 'forbidden']);
  const room = defineThread('room:*', { message: z.unknown(), values: { seen: z.number() } });
  const { served } = await serve({ threads: [room] });
  expect(await problemOf(`${served.url}/room%3A1/values/ada%3Aother`, put(1))).toEqual([422, 'invalid']);
  expect(await problemOf(`${served.url}/room%3A1/values/seen`, put('no number'))).toEqual([422, 'invalid']);
});

it('a value that belongs to an event stream goes with it, and needs a stream of the same user', async () => {
  const { served, asked } = await serve();
  const { url, hub } = served;
  const events = await EventReader.open(`${url}/t/events`, { 'x-user': 'ada' });
  await events.until(({ frames }) => frames.length > 1);
  const at = `${url}/t/values/typing?owned=1&sid=${String(events.frames[0]?.['sid'])}`;
  expect(await problemOf(at, put(1, 'bob'))).toEqual([404, 'unknown-connection']);
  expect((await fetch(at, put(1))).status).toBe(204);
  expect(asked.at(-1)).toMatchObject([{ isOwned: true }, 'open']);
  expect(await hub.thread('t').values.get('typing')).toBe(1);
  events.close();
  await expect.poll(() => hub.thread('t').values.get('typing')).toBeUndefined();
  // late
  expect(await problemOf(at, put(1))).toEqual([404, 'unknown-connection']);
  expect(await hub.thread('t').values.entries()).toEqual([]);
});

it('a user changes no more than values.maxPerSecond, however many requests it makes, and others are not hindered', async () => {
  const { served } = await serve({ values: { maxPerSecond: 0.001 } });
  const at = `${served.url}/t/values`;
  expect((await fetch(`${at}/ada%3A1`, put(1))).status).toBe(204);
  for (const init of [put(2), { ...put(2), method: 'DELETE' }]) {
    const refused = await fetch(`${at}/ada%3A1`, init);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await refused.json()).toMatchObject({ code: 'TC_VALUE_LIMIT' });
  }
  expect(await served.hub.thread('t').values.entries()).toEqual([['ada:1', 1]]);
  expect((await fetch(`${at}/bob%3A1`, put(1, 'bob'))).status).toBe(204);
});

it('threadcast/client sets and reads values over SSE', async () => {
  const { served } = await serve();
  const { url, hub } = served;
  const client = connect(url.replace('http', 'ws'), { transports: [sse({ failures: 0 })], values });
  onTestFinished(() => client.close());
  const thread = client.join('t');
  await expect.poll(() => thread.position).toBeDefined();
  await thread.values?.set('ada:mood', 'good', { owned: true });
  await expect.poll(() => thread.values?.get('ada:mood')).toBe('good');
  await expect(thread.values?.set('bob:mood', 1)).rejects.toMatchObject({ code: 'TC_PUBLISH_REFUSED' });
  client.close();
  await expect.poll(() => hub.thread('t').values.entries()).toEqual([]);
});

it('a page of another site asks before it changes or removes one', async () => {
  const { url } = await serveHttp({ allowedOrigins: ['https://a.test'] });
  const preflight = await fetch(`${url}/t/values/a`, { method: 'OPTIONS', headers: { origin: 'https://a.test' } });
  expect(preflight.headers.get('access-control-allow-methods')).toMatch(/PUT, DELETE/);
  const foreign = { ...put(1), headers: { 'content-type': 'application/json', origin: 'https://b.test' } };
  expect(await problemOf(`${url}/t/values/a`, foreign)).toEqual([403, 'forbidden']);
});
