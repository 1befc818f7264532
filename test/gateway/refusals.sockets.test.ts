import type { IncomingMessage } from 'node:http';
import { createServer as createHttp2Server, createSecureServer } from 'node:http2';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  refuse,
  type AttachOptions,
  type HubOptions,
  type RefusedHandshake,
  type RefusedReason,
} from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import {
  answerTo,
  attachUntyped,
  HANDSHAKE,
  listen,
  makeHub,
  request,
  serve,
  slowly,
  statusOf,
} from '../support/gateway.ts';

async function watched(options: AttachOptions = {}, hubOptions: HubOptions = {}) {
  const door = await serve(options, hubOptions);
  const refused: RefusedHandshake[] = [];
  door.hub.on('refused', (news) => refused.push(news));
  return { ...door, refused };
}

/** Warnings of this process for who develops, from now on; they are not printed. */
function warnings(): { code: unknown; message: string }[] {
  const seen: { code: unknown; message: string }[] = [];
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation((warning, options) => {
    const { type, code } = Object(options);
    if (type === 'ThreadcastWarning') seen.push({ code, message: String(warning) });
  });
  onTestFinished(() => emitWarning.mockRestore());
  return seen;
}

describe('a refused handshake is an event of the hub', () => {
  const cases: [RefusedReason, number, AttachOptions, string[], string][] = [
    ['origin', 403, {}, ['Origin: https://elsewhere.example'], '/?token=secret'],
    ['path', 404, {}, [], '/chat?token=secret'],
    ['format', 400, { allowPlain: false }, [], '/?format=plain'],
    ['malformed', 400, {}, ['Sec-WebSocket-Protocol: ,,'], '/'],
    ['unauthenticated', 401, { authenticate: () => false }, [], '/'],
    ['application', 429, { authenticate: () => refuse(429) }, [], '/'],
    ['failed', 500, { authenticate: () => expect.fail('no database') }, [], '/'],
    ['failed', 500, { allowedOrigins: () => expect.fail('no list') }, ['Origin: https://a.example'], '/'],
  ];
  it.each(cases)('%s: %i', async (reason, status, options, headers, target) => {
    const { hub, port, refused } = await watched(options);
    const answer = await answerTo(port, request([...HANDSHAKE, ...headers], target));
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    const origin = headers.find((line) => line.startsWith('Origin: '))?.slice(8);
    const path = target.split('?')[0];
    expect(refused).toEqual([
      { reason, status, origin, host: 'localhost', path, address: '127.0.0.1', userId: undefined },
    ]);
    expect(hub.stats().connectionsAccepted).toBe(0);
  });

  it('malformed: 405', async () => {
    const { port, refused } = await watched();
    await answerTo(port, request(HANDSHAKE).replace('GET', 'POST'));
    expect(refused).toMatchObject([{ reason: 'malformed', status: 405 }]);
  });

  it('for want of a place, of time, or of a hub that runs', async () => {
    const clock = new VirtualClock();
    const slow = slowly();
    const { hub, url, refused } = await watched(
      { authenticate: slow.authenticate, maxPendingHandshakes: 1 },
      { clock, maxConnections: 1 },
    );
    const late = statusOf(url);
    await slow.called(1);
    expect(await statusOf(url)).toBe(503);
    await clock.advance(10_000);
    expect(await late).toBe(503);
    slow.calls[0]?.answer(false);
    await clock.settle();
    const guest = statusOf(url);
    await slow.called(2);
    slow.calls[1]?.answer({ userId: 'ada' });
    await clock.settle();
    expect(await guest).toBe(101);
    expect(await statusOf(url)).toBe(503);
    const closed = hub.close();
    await clock.advance(2_000);
    await closed;
    expect(await statusOf(url)).toBe(503);
    expect(refused.map(({ reason, status }) => [reason, status])).toEqual([
      ['handshakes', 503],
      ['timeout', 503],
      ['connections', 503],
      ['stopping', 503],
    ]);
  });

  it('says whose it is where that is known', async () => {
    const { url, refused } = await watched(
      { authenticate: () => ({ userId: 'ada' }) },
      { maxConnectionsPerUser: 1, development: true },
    );
    expect(await statusOf(url)).toBe(101);
    expect(await statusOf(url)).toBe(429);
    expect(refused).toMatchObject([{ reason: 'user-connections', status: 429, userId: 'ada' }]);
  });

  it('handshakes are paid for by the address that the application names, and by the user', async () => {
    const clientAddress = ({ headers }: IncomingMessage): string | undefined => headers['x-real-ip']?.toString();
    const from = (address: string) => ({ headers: { 'x-real-ip': address } });
    const limits = { maxInputPerSecond: 6, maxInputPerSecondPerAddress: 1, maxInputPerSecondPerUser: 4 };
    const clock = new VirtualClock();
    const { url, refused } = await watched(
      { authenticate: ({ url: target = '' }) => ({ userId: target.slice(2) }), clientAddress },
      { ...limits, clock },
    );
    // an address has five points, a user twenty; a handshake takes ten
    const ask = async (user: string, address: string): Promise<number> => {
      const status = statusOf(`${url}/?${user}`, from(address));
      const asked = setInterval(() => void clock.settle(), 5);
      return status.finally(() => clearInterval(asked));
    };
    expect(await ask('ada', '192.0.2.1')).toBe(101);
    expect(await ask('bob', '192.0.2.1')).toBe(429);
    expect(await ask('ada', '192.0.2.2')).toBe(101);
    expect(await ask('ada', '192.0.2.3')).toBe(429);
    expect(await ask('bob', '192.0.2.4')).toBe(101);
    expect(refused.map(({ reason, userId }) => [reason, userId])).toEqual([
      ['rate-limited', undefined],
      ['rate-limited', 'ada'],
    ]);
    await clock.advance(10_000);
    expect(await ask('ada', '192.0.2.1')).toBe(101);
  });

  it('a listener that throws is an error of the hub, and the client is refused all the same', async () => {
    const { hub, url, errors } = await serve({ authenticate: () => false });
    hub.on('refused', () => expect.fail('no log'));
    expect(await statusOf(url)).toBe(401);
    expect(errors).toEqual([expect.objectContaining({ message: 'no log' })]);
  });
});

describe('in development', () => {
  it('names the origin that was refused, and what to do, once', async () => {
    const seen = warnings();
    const { port } = await serve({ authenticate: () => ({}) }, { development: true });
    const ask = (origin: string, target = '/'): Promise<string> =>
      answerTo(port, request([...HANDSHAKE, `Origin: ${origin}`], target));
    expect(await ask('https://app.example')).toContain('allowedOrigins');
    await ask('https://app.example');
    await ask('https://app.example', '/prefix/');
    for (let i = 0; i < 50; i++) await ask(`https://${i}.example`);
    expect(seen.length).toBeLessThanOrEqual(20);
    expect(seen.slice(0, 2)).toEqual([
      {
        code: 'TC_ORIGIN_REFUSED',
        message: expect.stringMatching(
          /https:\/\/app\.example .*localhost.*allowedOrigins: \['https:\/\/app\.example'\].*\$http_host/,
        ),
      },
      { code: 'TC_PATH_REFUSED', message: expect.stringMatching(/\/prefix\/ .*attached to \/, exactly/) },
    ]);
  });

  it('says that everybody may connect, and nothing of it elsewhere', async () => {
    const seen = warnings();
    await serve({ path: '/open' }, { development: true });
    await serve({ path: '/closed', authenticate: () => false }, { development: true });
    await serve({ path: '/production' }, { development: false });
    await expect.poll(() => seen.length).toBe(1);
    expect(seen).toEqual([{ code: 'TC_NO_AUTHENTICATE', message: expect.stringContaining("'/open'") }]);
  });
});

describe('behind a proxy', () => {
  it.each<[string, number, string[]]>([
    ['its own name', 403, ['Host: 127.0.0.1:3000']],
    ['a name without the port', 403, ['Host: app.example']],
    ['the name of the browser', 101, ['Host: app.example:8443']],
    ['its own name, and what was asked for', 101, ['Host: 127.0.0.1:3000', 'X-Forwarded-Host: app.example:8443']],
    ['several proxies', 101, ['Host: 127.0.0.1:3000', 'X-Forwarded-Host: app.example:8443, inner']],
    ['a name and a port apart', 101, ['Host: app.example', 'X-Forwarded-Port: 8443']],
    ['RFC 7239', 101, ['Host: 127.0.0.1:3000', 'Forwarded: for=1.2.3.4;host="app.example:8443";proto=https']],
    ['another name', 403, ['Host: 127.0.0.1:3000', 'X-Forwarded-Host: other.example:8443']],
    ['the word of the browser', 101, ['Host: 127.0.0.1:3000', 'Sec-Fetch-Site: same-origin']],
    ['a browser that says: another site', 403, ['Host: 127.0.0.1:3000', 'Sec-Fetch-Site: same-site']],
  ])('that says %s: %i', async (_, status, headers) => {
    const { port } = await serve({ authenticate: () => (status === 101 ? refuse(401) : {}) });
    const answer = await answerTo(
      port,
      request([...headers, ...HANDSHAKE.slice(1), 'Origin: https://app.example:8443']),
    );
    // what passes is asked about, and refused by that
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status === 101 ? 401 : status} `));
  });

  it.each([
    ['file://', 'localhost'],
    ['capacitor://localhost', 'localhost'],
    ['chrome-extension://localhost', 'localhost'],
    ['file://localhost', 'localhost'],
  ])('a page of %s is none of the host %s', async (origin, host) => {
    const { port } = await serve();
    const answer = await answerTo(port, request([`Host: ${host}`, ...HANDSHAKE.slice(1), `Origin: ${origin}`]));
    expect(answer).toMatch(/^HTTP\/1.1 403 /);
  });

  it('takes a request line in absolute form by its path and its host', async () => {
    const { port } = await serve({ path: '/chat', authenticate: ({ url }) => refuse(url === '' ? 503 : 401) });
    const ask = (target: string, origin: string): Promise<string> =>
      answerTo(port, request([...HANDSHAKE, `Origin: ${origin}`], target));
    expect(await ask('http://app.example:81/chat?x', 'http://app.example:81')).toMatch(/^HTTP\/1.1 401 /);
    expect(await ask('http://app.example:81/chat', 'http://localhost')).toMatch(/^HTTP\/1.1 403 /);
    expect(await ask('http://app.example:81/', 'http://app.example:81')).toMatch(/^HTTP\/1.1 404 /);
  });
});

it.each([
  ['false', () => Promise.resolve(false)],
  ['true', () => Promise.resolve(true)],
  ['a failure', () => Promise.reject(new Error('no database'))],
])('a predicate that answers with a promise of %s lets nobody in', async (_, allowedOrigins) => {
  const { http, port } = await listen();
  const { hub, errors } = makeHub();
  attachUntyped(hub, http, { allowedOrigins });
  const answer = await answerTo(port, request([...HANDSHAKE, 'Origin: https://a.example']));
  expect(answer).toMatch(/^HTTP\/1.1 500 /);
  expect(errors).toEqual([expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'allowedOrigins()' })]);
});

describe('servers that have no upgrades', () => {
  it('are refused with the reason', () => {
    const { hub } = makeHub();
    for (const server of [createHttp2Server(), createSecureServer(), createSecureServer({ allowHTTP1: false })]) {
      expect(() => attachUntyped(hub, server)).toThrow(
        expect.objectContaining({ code: 'TC_UNSUPPORTED_SERVER', message: expect.stringContaining('allowHTTP1') }),
      );
    }
    hub.attach(createSecureServer({ allowHTTP1: true }));
  });
});
