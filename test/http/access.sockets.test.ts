import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { verifyPublishToken } from '../../src/http/index.ts';
import { refuse, type Receipt } from '../../src/index.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { asJson, EventReader, json, serveHttp, type Served } from './fixtures/http-server.ts';

/** What an application without types returns. */
function untyped(value: unknown): null {
  const holder: { value: null } = Object({ value });
  return holder.value;
}

const headersOf = async (url: string, init: RequestInit): Promise<Record<string, string>> =>
  Object.fromEntries((await fetch(url, init)).headers);

it('lets listed pages send cookies, and refuses others', async () => {
  const { url, hub } = await serveHttp({ allowedOrigins: ['https://app.example'] });
  const refused: string[] = [];
  hub.on('refused', ({ reason }) => refused.push(reason));
  const from = (origin: string): RequestInit => ({ headers: { origin } });
  expect(await headersOf(`${url}/t/messages`, from('https://app.example'))).toMatchObject({
    'access-control-allow-origin': 'https://app.example',
    'access-control-allow-credentials': 'true',
    vary: 'origin',
  });
  const other = await fetch(`${url}/t/messages`, from('https://evil.example'));
  expect(other.status).toBe(403);
  expect(other.headers.get('access-control-allow-origin')).toBeNull();
  expect(refused).toEqual(['origin']);
  const preflight = await fetch(`${url}/t/messages`, { method: 'OPTIONS', ...from('https://app.example') });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key');
});

it('lets pages of all sites in by a wildcard, without cookies', async () => {
  const { url } = await serveHttp({ allowedOrigins: '*' });
  const headers = await headersOf(`${url}/t/messages`, { headers: { origin: 'https://any.example' } });
  expect(headers['access-control-allow-origin']).toBe('*');
  expect(headers['access-control-allow-credentials']).toBeUndefined();
});

it('answers what authenticate refuses, throws, or does not say in time', async () => {
  let answer: () => unknown = () => null;
  const { url, errors } = await serveHttp({
    authenticate: async () => untyped(await answer()),
    authenticateTimeoutMs: 50,
  });
  const status = async (): Promise<number> => (await fetch(`${url}/t/messages`)).status;
  expect(await status()).toBe(401);
  answer = () => refuse(403, 'not you');
  expect(await status()).toBe(403);
  answer = () => refuse(429);
  expect(await status()).toBe(429);
  expect(errors).toEqual([]);
  answer = () => {
    throw new Error('database');
  };
  expect(await status()).toBe(500);
  answer = () => ({ userID: 'ada' });
  expect(await status()).toBe(500);
  answer = () => new Promise(() => {});
  expect(await status()).toBe(503);
  expect(errors.map(String)).toEqual([
    'Error: database',
    expect.stringContaining('InvalidOptionError'),
    expect.stringContaining('AuthenticationTimeoutError'),
  ]);
});

it('limits a session to the threads that it names', async () => {
  const sessions: Record<string, { threads?: string[] }> = {
    room: { threads: ['room:*'] },
    exact: { threads: ['room:1'] },
    star: { threads: ['*'] },
    inner: { threads: ['ro*m:1'] },
    none: {},
  };
  const { url } = await serveHttp(
    {
      authenticate: ({ headers }) => sessions[String(headers['x-who'])],
    },
    {},
    undefined,
    {},
  );
  const status = async (who: string, thread: string): Promise<number> =>
    (await fetch(`${url}/${thread}/messages`, { headers: { 'x-who': who } })).status;
  expect(await status('room', 'room:1')).toBe(200);
  expect(await status('room', 'other')).toBe(403);
  expect(await status('exact', 'room:1')).toBe(200);
  expect(await status('exact', 'room:12')).toBe(403);
  expect(await status('star', 'any')).toBe(200);
  expect(await status('inner', 'room:1')).toBe(403);
  // without `threads` and without `authorize`, nothing is allowed
  expect(await status('none', 'any')).toBe(403);
});

it('ends a stream with its session', async () => {
  const clock = new SteppedClock();
  const { url } = await serveHttp(
    { authenticate: () => ({ userId: 'ada', expiresAt: clock.wallTime() + 300 }) },
    { clock, sweepMs: 50 },
  );
  const reader = await EventReader.open(`${url}/t/events`);
  await clock.advanceUntil(() => reader.isEnded, 10);
  expect(reader.frames.at(-1)).toMatchObject({ t: 'close', code: 4401 });
});

it('has the limits of connections: no place for a user is a 429, for the hub a 503', async () => {
  const { url, hub } = await serveHttp(
    { authenticate: ({ headers }) => ({ userId: String(headers['x-user']) }) },
    { maxConnectionsPerUser: 1, maxConnections: 2 },
  );
  const refused: string[] = [];
  hub.on('refused', ({ reason }) => refused.push(reason));
  const status = async (user: string): Promise<number> =>
    (await EventReader.open(`${url}/t/events`, { 'x-user': user })).response.status;
  expect(await status('ada')).toBe(200);
  expect(await status('ada')).toBe(429);
  expect(await status('bob')).toBe(200);
  expect(await status('eve')).toBe(503);
  expect(refused).toEqual(['user-connections', 'connections']);
});

it('takes the frames of a client for its stream, once each, and nobody else can send them', async () => {
  const served: Served = await serveHttp({
    onPublish: (_, { threadId, data }): Promise<Receipt> => served.hub.thread(threadId).send(data),
  });
  const { url } = served;
  const reader = await EventReader.open(`${url}/link`);
  await reader.until(({ frames }) => frames.length === 2);
  expect(reader.frames.map(({ t }) => t)).toEqual(['link', 'hello']);
  const key = reader.frames[0]?.['key'];
  const send = async (head: unknown, ...frames: unknown[]): Promise<number> =>
    (await fetch(`${url}/link`, { method: 'POST', body: [head, ...frames].map((f) => JSON.stringify(f)).join('\n') }))
      .status;
  const pub = { t: 'pub', th: 't', id: 'p1', d: 'hi' };
  expect(await send({ key, n: 1 }, { t: 'join', th: 't', ref: 1 }, pub)).toBe(204);
  expect(await send({ key, n: 1 }, { t: 'join', th: 't', ref: 1 }, pub)).toBe(204);
  await reader.until(({ frames }) => frames.some(({ t }) => t === 'ok'));
  await reader.until(({ messages }) => messages.length === 1);
  expect(reader.events.every(({ id }) => id === undefined)).toBe(true);
  expect(await send({ key: 'guess', n: 2 }, pub)).toBe(404);
  expect(await send({ key, n: 'x' }, pub)).toBe(400);
  expect(await send('junk')).toBe(404);
  expect(await send({ key, n: 3 }, ...Array.from({ length: 2_000 }, () => ({ t: 'x' })))).toBe(413);
  // junk of the client ends its connection, as it does over a WebSocket
  expect(await send({ key, n: 4 }, 'no frame')).toBe(204);
  await reader.until(({ frames }) => frames.some(({ t }) => t === 'close'));
  await expect.poll(() => send({ key, n: 5 }, pub)).toBe(404);
  expect(await asJson<{ messages: unknown[] }>(`${url}/t/messages`)).toMatchObject({ messages: [{ data: 'hi' }] });
});

it('does not take a post as a page of another site can send it with cookies', async () => {
  const { url } = await serveHttp({ allowedOrigins: '*', onPublish: () => true });
  const simple = {
    method: 'POST',
    headers: { 'content-type': 'text/plain', origin: 'https://evil.example' },
    body: '1',
  };
  expect((await fetch(`${url}/t/messages`, simple)).status).toBe(415);
  expect((await fetch(`${url}/t/messages`, json(1))).status).toBe(200);
});

it('publishes with a token, in the threads that it names', async () => {
  const secret = 's'.repeat(32);
  const served: Served = await serveHttp(
    {
      authenticate: verifyPublishToken({ secret }),
      onPublish: ({ userId }, { threadId, id, data }): Promise<Receipt> =>
        served.hub.thread(threadId).send({ from: userId, data }, { idempotencyKey: id }),
    },
    {},
    undefined,
    {},
  );
  const text = [{ alg: 'HS256' }, { sub: 'cron', threads: ['room:*'], exp: Date.now() / 1_000 + 60 }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const token = `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  const post = (thread: string, bearer: string): Promise<Response> =>
    fetch(`${served.url}/${thread}/messages`, json(1, { authorization: `Bearer ${bearer}`, 'idempotency-key': 'k' }));
  const answers = await Promise.all([
    post('room:1', token),
    post('room:1', token),
    post('other', token),
    post('room:1', 'x'),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 403, 401]);
  expect(answers[3]?.headers.get('www-authenticate')).toBe('Bearer');
  const page = await served.hub.thread('room:1').history();
  expect(page.messages.map(({ data }) => data)).toEqual([{ from: 'cron', data: 1 }]);
});
