import { once } from 'node:events';
import { request, type IncomingHttpHeaders } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHub, InvalidOptionError, type Hub } from '../../src/index.ts';
import { inspector, inspectorHandler, type InspectorServer } from '../../src/inspector/index.ts';
import type { InspectorServerOptions } from '../../src/inspector/options.ts';
import { FakeLink } from '../../src/testing/index.ts';

const TOKEN = 'a-token-of-some-length';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

let hub: Hub;
let server: InspectorServer;

async function serve(options: InspectorServerOptions = {}): Promise<void> {
  server = await inspector(hub, options);
}

beforeEach(() => {
  hub = createHub();
});

afterEach(async () => {
  await server?.close();
  await hub.close();
});

function lookOf(viewer: string, facts: Record<string, unknown> = {}): Record<string, unknown> {
  const list = { kind: 'connections', search: '', state: '', sort: 'age', isDescending: true, from: 0, count: 50 };
  return { viewer: viewer.padEnd(16, '-'), samplesAfter: 0, notesAfter: 0, list, ...facts };
}

/** As an attacker's program may ask: every header is its to choose, which `fetch` does not allow. */
async function ask(
  path: string,
  body?: unknown,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const key = new URLSearchParams(new URL(server.url).hash.slice(1)).get('token');
  const sent = request(new URL(path, server.url), {
    method: body === undefined ? 'GET' : 'POST',
    agent: false,
    ...options,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...options.headers,
    },
  });
  sent.on('error', () => {});
  sent.end(text);
  const [response] = await once(sent, 'response');
  let received = '';
  for await (const chunk of response) received += String(chunk);
  const isJson = String(response.headers['content-type']).startsWith('application/json');
  return {
    status: response.statusCode,
    headers: response.headers,
    body: isJson ? JSON.parse(received) : { text: received },
  };
}

const withHeaders = (headers: Record<string, string>) => ({ headers });

describe('the inspector without a token', () => {
  it('answers this machine', async () => {
    await serve();
    hub.accept(new FakeLink().attach, { userId: 'ada' });
    const { status, headers, body } = await ask('/api/look', lookOf('one'));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      hub: { state: 'running', connections: 1, threads: 0 },
      list: { total: 1, matching: 1, rows: [{ userId: 'ada', state: 'open', lag: 0, trips: 0 }] },
      hasActions: false,
    });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it.each([
    ['another name, as with DNS rebinding', { host: 'evil.example' }, 'TC_INSPECTOR_WRONG_HOST'],
    ['a name that begins like ours', { host: 'localhost.evil.example' }, 'TC_INSPECTOR_WRONG_HOST'],
    ['an address that is not of this machine', { host: '10.0.0.7' }, 'TC_INSPECTOR_WRONG_HOST'],
    ['a page of another site', { origin: 'https://evil.example' }, 'TC_INSPECTOR_WRONG_ORIGIN'],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }, 'TC_INSPECTOR_WRONG_ORIGIN'],
    ['a page without an origin', { origin: 'null' }, 'TC_INSPECTOR_WRONG_ORIGIN'],
    ['a page of a file', { host: 'localhost', origin: 'file://' }, 'TC_INSPECTOR_WRONG_ORIGIN'],
    ['a proxy in front', { 'x-forwarded-for': '203.0.113.9' }, 'TC_INSPECTOR_LOOPBACK_ONLY'],
  ])('refuses %s', async (_name, headers, error) => {
    await serve();
    for (const path of ['/api/look', '/api/act']) {
      const answer = await ask(path, lookOf('one'), withHeaders(headers));
      expect(answer).toMatchObject({ status: 403, body: { error } });
    }
    expect(await ask('/', undefined, withHeaders(headers))).toMatchObject({ status: 403 });
  });

  it('asks for the key that it was made with: a proxy may say nothing of itself, as nginx does unless it is told otherwise', async () => {
    await serve({ actions: true });
    const connection = hub.accept(new FakeLink().attach);
    // what nginx makes of a request from anywhere: HTTP/1.0 or 1.1, its own name for the upstream, no other header
    const nginx = { host: `127.0.0.1:${server.port}`, connection: 'close', authorization: '' };
    const act = { action: 'evict', connectionId: connection.id };
    for (const authorization of ['', 'Bearer ', 'Bearer undefined', `Bearer ${'A'.repeat(32)}`]) {
      const headers = { ...nginx, authorization };
      expect(await ask('/api/look', lookOf('one'), withHeaders(headers))).toMatchObject({
        status: 401,
        body: { error: 'TC_INSPECTOR_WRONG_TOKEN', message: expect.stringContaining('key') },
      });
      expect(await ask('/api/act', act, withHeaders(headers))).toMatchObject({ status: 401 });
    }
    expect(connection.state).toBe('open');
    expect(await ask('/api/act', act)).toMatchObject({ status: 200 });
    const other = await inspector(hub);
    expect(new URL(other.url).hash).toMatch(/^#token=[\w-]{32}$/);
    expect(new URL(other.url).hash).not.toBe(new URL(server.url).hash);
    await other.close();
  });

  it('takes every name of this machine', async () => {
    await serve();
    for (const host of ['localhost', `localhost:${server.port}`, '127.0.0.1', '127.1.2.3:80', '[::1]:80']) {
      const answer = await ask('/api/look', lookOf('one'), withHeaders({ host }));
      expect([host, answer.status]).toEqual([host, 200]);
    }
    const page = withHeaders({ host: 'localhost:99', origin: 'http://localhost:99' });
    expect(await ask('/api/look', lookOf('one'), page)).toMatchObject({ status: 200 });
  });

  it('listens on no other address', async () => {
    await expect(inspector(hub, { host: '0.0.0.0' })).rejects.toThrow(InvalidOptionError);
    await serve();
  });
});

it.each([
  '{"actions":"false"}',
  '{"clock":{}}',
  '{"path":"inspector"}',
  '{"allowedHosts":"localhost"}',
  '{"maxViewers":0}',
])('an inspector is not made with %s', (json) => {
  const options: InspectorServerOptions = JSON.parse(json);
  expect(() => inspectorHandler(hub, options)).toThrow(InvalidOptionError);
});

it.each(['{}', '{"token":"options where the hub belongs"}', 'null'])('an inspector is not made of %s', (json) => {
  const notHub: Hub = JSON.parse(json);
  expect(() => inspectorHandler(notHub)).toThrow(InvalidOptionError);
});

describe('the inspector with a token', () => {
  beforeEach(() => serve({ token: TOKEN, allowedHosts: ['inspect.example'] }));

  it.each([
    ['none', {}],
    ['a wrong one', { authorization: 'Bearer another-token-of-some-length' }],
    ['the beginning of it', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
  ])('refuses %s', async (_name, headers) => {
    const answer = await ask('/api/look', lookOf('one'), withHeaders(headers));
    expect(answer).toMatchObject({ status: 401, body: { error: 'TC_INSPECTOR_WRONG_TOKEN' } });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(await ask('/api/act', {}, withHeaders(headers))).toMatchObject({ status: 401 });
  });

  it('takes it, by the names that are allowed', async () => {
    const authorization = `Bearer ${TOKEN}`;
    for (const host of ['localhost', '10.0.0.7:80', 'Inspect.Example', 'inspect.example:443']) {
      const answer = await ask('/api/look', lookOf('one'), withHeaders({ authorization, host }));
      expect([host, answer.status]).toEqual([host, 200]);
    }
    const other = await ask('/api/look', lookOf('one'), withHeaders({ authorization, host: 'evil.example' }));
    expect(other.status).toBe(403);
  });

  it('is not made with one that can be guessed, and does not tell it', async () => {
    const weak = inspector(hub, { token: 'hunter2' });
    await expect(weak).rejects.toThrow(InvalidOptionError);
    await expect(weak).rejects.not.toThrow('hunter2');
  });
});

describe('requests that are none', () => {
  beforeEach(() => serve());

  it.each([
    ['another method', 405, 'api/look', undefined, {}],
    ['a form', 415, 'api/look', '{}', { headers: { 'content-type': 'text/plain' } }],
    ['no JSON', 400, 'api/look', '{', {}],
    ['a short viewer', 400, 'api/look', { ...lookOf('one'), viewer: 'one' }, {}],
    ['a list of something else', 400, 'api/look', lookOf('one', { list: { kind: 'secrets' } }), {}],
    ['a negative place', 400, 'api/look', lookOf('one', { list: { kind: 'threads', from: -1 } }), {}],
    ['a body that is too big', 413, 'api/look', JSON.stringify({ pad: 'x'.repeat(20_000) }), {}],
    ['a file that is not of the page', 404, 'package.json', undefined, {}],
    ['a way out', 404, 'x/..%2f..%2fpackage.json', undefined, {}],
    ['a name that every object has', 404, 'constructor', undefined, {}],
  ])('%s is a %d', async (_name, status, path, body, options) => {
    const answer = await ask(`/${path}`, body, options);
    expect(answer.status).toBe(status);
    expect(answer.body['error']).toMatch(/^TC_INSPECTOR_/);
  });

  it('an action where they are not enabled is a 403, and nothing happens', async () => {
    const connection = hub.accept(new FakeLink().attach);
    const answer = await ask('/api/act', { action: 'evict', connectionId: connection.id });
    expect(answer).toMatchObject({ status: 403, body: { error: 'TC_INSPECTOR_ACTIONS_OFF' } });
    expect(connection.state).toBe('open');
  });

  it('an answer has a hundred rows at most', async () => {
    for (let i = 0; i < 150; i++) hub.accept(new FakeLink().attach);
    const list = { ...Object(lookOf('one')['list']), count: 1_000_000 };
    const { body } = await ask('/api/look', lookOf('one', { list }));
    expect(body).toMatchObject({ list: { matching: 150 } });
    expect(Object(body['list']).rows).toHaveLength(100);
  });
});

describe('a flood', () => {
  it('of viewers: as many watch as may, the others are told to wait, and the first ones go on', async () => {
    await serve({ maxViewers: 5 });
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => ask('/api/look', lookOf(`viewer-${i}`))));
    const taken = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status === 503);
    expect([taken.length, refused.length]).toEqual([5, 55]);
    expect(refused.map(({ headers }) => headers['retry-after'])).toEqual(refused.map(() => '10'));
    expect(new Set(refused.map(({ body }) => body['error']))).toEqual(new Set(['TC_INSPECTOR_TOO_MANY_VIEWERS']));
    const first = answers.findIndex(({ status }) => status === 200);
    expect(await ask('/api/look', lookOf(`viewer-${first}`))).toMatchObject({ status: 200 });
  });

  it('of looks of one viewer: it is told to look less often', async () => {
    await serve();
    const answers: number[] = [];
    for (let wave = 0; wave < 4; wave++) {
      const looks = Array.from({ length: 50 }, () => ask('/api/look', lookOf('eager')));
      answers.push(...(await Promise.all(looks)).map(({ status }) => status));
    }
    expect(new Set(answers)).toEqual(new Set([200, 429]));
  });

  it('of requests whose body does not end: others are refused at once, none is lost', async () => {
    await serve();
    const slow = Array.from({ length: 64 }, () => {
      const sent = request(new URL('/api/look', server.url), {
        method: 'POST',
        agent: false,
        headers: {
          'content-type': 'application/json',
          'content-length': 100,
          authorization: `Bearer ${new URL(server.url).hash.slice('#token='.length)}`,
        },
      });
      sent.on('error', () => {});
      sent.write('{');
      return sent;
    });
    for (;;) {
      const { status, headers } = await ask('/api/look', lookOf('one'));
      if (status !== 503) continue;
      expect(headers['retry-after']).toBe('1');
      break;
    }
    for (const sent of slow) sent.destroy();
    for (;;) if ((await ask('/api/look', lookOf('one'))).status === 200) break;
  });
});
