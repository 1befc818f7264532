import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { refuse, type Hub, type Refusal, type Session } from '../../src/index.ts';
import { connect } from '../../src/client/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import {
  aborted,
  answerTo,
  attachUntyped,
  Guest,
  HANDSHAKE,
  listen,
  makeHub,
  nextConnection,
  request,
  serve,
  slowly,
  statusOf,
  withOrigin,
} from '../support/gateway.ts';

describe('who may come in', () => {
  it('lets everybody in by default, who may then join nothing', async () => {
    const { hub, url } = await serve();
    const arrived = nextConnection(hub);
    const guest = new Guest(url);
    expect(await guest.status).toBe(101);
    expect((await arrived).userId).toBeUndefined();
    guest.socket.send(JSON.stringify({ t: 'join', th: 't1' }));
    expect(await guest.got('err')).toEqual([{ t: 'err', code: 'forbidden', th: 't1' }]);
  });

  it.each<[string, Session | Refusal | false | null | undefined, number]>([
    ['a session', { userId: 'ada' }, 101],
    ['false', false, 401],
    ['null', null, 401],
    ['nothing', undefined, 401],
    ['refuse(401)', refuse(401), 401],
    ['refuse(403)', refuse(403, 'not here – ü'), 403],
    ['refuse(429)', refuse(429), 429],
    ['refuse(503)', refuse(503), 503],
  ])('authenticate answers with %s, at once or later', async (_, answer, status) => {
    const { port } = await serve({ authenticate: () => answer });
    expect(await statusOf(`ws://127.0.0.1:${port}`)).toBe(status);
    const later = await serve({ authenticate: () => Promise.resolve(answer) });
    expect(await statusOf(later.url)).toBe(status);
    expect(later.errors).toEqual([]);
  });

  it('answers a refusal as HTTP, to its last byte', async () => {
    const { port } = await serve({ authenticate: () => refuse(429, 'not here – ü') });
    const answer = await answerTo(port, request(HANDSHAKE));
    const [head, body] = answer.split('\r\n\r\n');
    expect(head?.split('\r\n')).toEqual([
      'HTTP/1.1 429 Too Many Requests',
      'Connection: close',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Length: 15',
      'Retry-After: 5',
    ]);
    expect(body).toBe('not here – ü');
  });

  it('gives authenticate the request, and its session to the connection and to authorize', async () => {
    const asked: unknown[] = [];
    const { hub, url } = await serve({
      authenticate: ({ headers, url }) => ({ userId: 'ada', data: { token: headers.authorization, url } }),
      authorize: ({ data }, threadId) => asked.push([data.token, data.url, threadId]) > 0,
    });
    const arrived = nextConnection(hub);
    const guest = new Guest(`${url}/?x=1`, { headers: { authorization: 'Bearer 1' } });
    const connection = await arrived;
    expect(connection.userId).toBe('ada');
    await guest.status;
    guest.socket.send(JSON.stringify({ t: 'join', th: 't1' }));
    await guest.got('joined');
    expect(asked).toEqual([['Bearer 1', '/?x=1', 't1']]);
  });

  it('infers the session for authorize', () => {
    const attach: Hub['attach'] = () => () => {};
    const http = createServer();
    attach(http, {
      authenticate: async ({ url }) => (url === '/' ? { userId: 'ada', data: new Set(['t1']) } : refuse(403)),
      authorize(session, threadId) {
        expectTypeOf(session).toEqualTypeOf<{ userId: string; data: Set<string> }>();
        return session.data.has(threadId);
      },
    });
    const detach = attach(http, {
      authorize(session) {
        expectTypeOf(session).toEqualTypeOf<Session>();
        return true;
      },
    });
    expect(detach).toBeTypeOf('function');
  });

  it.each([
    ['throws', (): never => expect.fail('no database')],
    ['rejects', () => Promise.reject(new Error('no database'))],
  ])('an authenticate that %s is an error of the hub and a 500', async (_, authenticate) => {
    const { url, errors } = await serve({ authenticate });
    expect(await statusOf(url)).toBe(500);
    expect(errors).toEqual([expect.objectContaining({ message: 'no database' })]);
  });

  it.each([true, 7, { userId: 7 }, { format: 'xml' }])('%j is no session: reported, and a 500', async (session) => {
    const { http, port } = await listen();
    const { hub, errors } = makeHub();
    attachUntyped(hub, http, { authenticate: () => session });
    expect(await statusOf(`ws://127.0.0.1:${port}`)).toBe(500);
    expect(errors).toEqual([expect.objectContaining({ code: 'TC_INVALID_OPTION' })]);
  });

  it('a failure between the 101 and the connection closes with 1013', async () => {
    let isBroken = false;
    const newId = (): string => {
      if (isBroken) throw new Error('no entropy');
      return 'id';
    };
    const { hub, url, errors } = await serve({}, { newId });
    isBroken = true;
    expect(await new Guest(url).closed).toBe(1013);
    expect(errors).toEqual([expect.objectContaining({ message: 'no entropy' })]);
    expect(hub.stats().connections.total).toBe(0);
  });

  it('gives up on authenticate after its time, and ignores what comes then, which frees its place', async () => {
    const clock = new VirtualClock();
    const slow = slowly();
    const { url, errors, hub } = await serve({ authenticate: slow.authenticate, maxPendingHandshakes: 1 }, { clock });
    const guest = new Guest(url);
    const [call] = await slow.called(1);
    await clock.advance(9_999);
    expect(call?.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(await guest.status).toBe(503);
    expect(call?.signal.aborted).toBe(true);
    expect(errors).toEqual([expect.objectContaining({ code: 'TC_AUTHENTICATION_TIMEOUT', timeoutMs: 10_000 })]);
    // whatever never settles counts: else such calls would pile up without a bound
    expect(await statusOf(url)).toBe(503);
    call?.answer({ userId: 'late' });
    const second = new Guest(url);
    await slow.called(2);
    slow.calls[1]?.answer({});
    expect(await second.status).toBe(101);
    expect(hub.stats().connectionsAccepted).toBe(1);
  });

  it('bounds the authentications under way', async () => {
    const slow = slowly();
    const { url, port } = await serve({ authenticate: slow.authenticate, maxPendingHandshakes: 2 });
    const guests = [new Guest(url), new Guest(url)];
    const calls = await slow.called(2);
    const third = await answerTo(port, request(HANDSHAKE));
    expect(third).toMatch(/^HTTP\/1.1 503 .*\r\nRetry-After: \d+\r\n/s);
    for (const { answer } of calls) answer({});
    expect(await Promise.all(guests.map(({ status }) => status))).toEqual([101, 101]);
    const fourth = new Guest(url);
    await slow.called(3);
    slow.calls[2]?.answer(false);
    expect(await fourth.status).toBe(401);
  });

  it.each([
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
    ['closes', (socket: Socket) => socket.destroy()],
    ['ends its side', (socket: Socket) => socket.end()],
  ])('a client that %s during authenticate leaves nothing behind', async (_, leave) => {
    const slow = slowly();
    const { hub, http, port, errors } = await serve({ authenticate: slow.authenticate });
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(request(HANDSHAKE));
    const [call] = await slow.called(1);
    if (call === undefined) throw new Error('not called');
    leave(socket);
    await aborted(call.signal);
    if (!call.request.socket.destroyed) await once(call.request.socket, 'close');
    call.answer({ userId: 'ada' });
    const probe = new Guest(`ws://127.0.0.1:${port}`);
    await slow.called(2);
    slow.calls[1]?.answer(false);
    expect(await probe.status).toBe(401);
    expect(hub.stats().connectionsAccepted).toBe(0);
    expect(errors).toEqual([]);
    await expect.poll(() => openSockets(http)).toBe(0);
  });

  it('keeps no listener of a handshake on a socket that came in: as with ws alone, and one for drain', async () => {
    const { http, url, port } = await serve({ path: '/ours', authenticate: async () => ({}) });
    const theirs = new WebSocketServer({ noServer: true });
    const sockets = new Map<string | undefined, Duplex>();
    http.on('upgrade', (request, socket, head) => {
      sockets.set(request.url, socket);
      if (request.url === '/theirs') theirs.handleUpgrade(request, socket, head, () => {});
    });
    expect(await statusOf(`${url}/ours`)).toBe(101);
    expect(await statusOf(`ws://127.0.0.1:${port}/theirs`)).toBe(101);
    const listenersOf = (path: string): Record<string, number> => {
      const socket = sockets.get(path);
      return Object.fromEntries((socket?.eventNames() ?? []).map((name) => [name, socket?.listenerCount(name) ?? 0]));
    };
    const { drain, ...rest } = listenersOf('/ours');
    expect(drain).toBe(1);
    expect(rest).toEqual(listenersOf('/theirs'));
  });
});

function openSockets(http: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    http.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

describe('origins', () => {
  it.each([
    ['localhost:8080', 'http://localhost:8080', 101],
    ['localhost:8080', 'https://localhost:8080', 101],
    ['LocalHost:8080', 'http://localhost:8080', 101],
    ['example.com', 'https://example.com', 101],
    ['example.com:443', 'https://example.com', 101],
    ['example.com:80', 'https://example.com', 403],
    ['[::1]:8080', 'http://[::1]:8080', 101],
    ['localhost:8080', 'http://localhost:8081', 403],
    ['localhost:8080', 'http://evil.example', 403],
    ['example.com', 'https://example.com.evil.example', 403],
    ['example.com', 'https://evil-example.com', 403],
    ['evil@example.com', 'https://example.com', 403],
    ['example.com/x', 'https://example.com', 403],
    ['example.com', 'null', 403],
    ['example.com', 'not an origin', 403],
    ['example.com', '', 403],
  ])('by default, to %s a page of %s gets %i', async (host, origin, status) => {
    const { url } = await serve();
    expect(await statusOf(url, { headers: { host, origin } })).toBe(status);
  });

  it('does not take an origin for granted where there is no Host', async () => {
    const { port } = await serve();
    const lines = HANDSHAKE.filter((line) => !line.startsWith('Host'));
    const answer = await answerTo(port, request([...lines, 'Origin: http://localhost'], '/', '1.0'));
    expect(answer).not.toMatch(/ 101 /);
  });

  it('passes a list of exact origins, a predicate, or all; and who sends none', async () => {
    const list = await serve({ allowedOrigins: ['https://a.example', 'capacitor://localhost', 'null'] });
    expect(await statusOf(list.url, withOrigin('https://a.example'))).toBe(101);
    expect(await statusOf(list.url, withOrigin('capacitor://localhost'))).toBe(101);
    expect(await statusOf(list.url, withOrigin('null'))).toBe(101);
    expect(await statusOf(list.url, withOrigin('http://a.example'))).toBe(403);
    expect(await statusOf(list.url, withOrigin(`http://127.0.0.1:${list.port}`))).toBe(403);
    expect(await statusOf(list.url)).toBe(101);
    const predicate = await serve({ allowedOrigins: (origin) => origin.endsWith('.a.example') });
    expect(await statusOf(predicate.url, withOrigin('https://b.a.example'))).toBe(101);
    expect(await statusOf(predicate.url, withOrigin('https://b.example'))).toBe(403);
    const all = await serve({ allowedOrigins: '*' });
    expect(await statusOf(all.url, withOrigin('https://anywhere.example'))).toBe(101);
  });

  it('a predicate that throws is an error of the hub and a 500', async () => {
    const { url, errors } = await serve({ allowedOrigins: () => expect.fail('no list') });
    expect(await statusOf(url, withOrigin('https://a.example'))).toBe(500);
    expect(errors).toHaveLength(1);
  });

  it('asks nobody else about a page that may not connect', async () => {
    const slow = slowly();
    const { url } = await serve({ authenticate: slow.authenticate });
    expect(await statusOf(url, withOrigin('https://evil.example'))).toBe(403);
    expect(slow.calls).toEqual([]);
  });
});

describe('what a bare browser asks for in its URL', () => {
  const everything = { authorize: () => true };

  it('joins a thread, and resumes by a position that it made itself', async () => {
    const { hub, url } = await serve(everything);
    const first = new Guest(`${url}/?thread=t1`);
    const [joined] = await first.got('joined');
    for (let i = 1; i <= 3; i++) await hub.thread('t1').send(i);
    const [, second] = await first.got('msg', 3);
    const [epoch] = String(joined?.['pos']).split('.');
    first.socket.terminate();
    for (let i = 4; i <= 5; i++) await hub.thread('t1').send(i);
    const from = `${epoch}.${String(second?.['o'])}.${String(second?.['id'])}`;
    const back = new Guest(`${url}/?thread=t1&from=${from}`);
    const messages = await back.got('msg', 3);
    expect(messages.map(({ d }) => d)).toEqual([3, 4, 5]);
    expect(back.frames.filter(({ t }) => t === 'gap')).toEqual([]);
  });

  it('joins several threads, each from its own position', async () => {
    const { hub, url } = await serve(everything);
    for (const thread of ['a', 'b', 'c']) await hub.thread(thread).send(`${thread}1`);
    const guest = new Guest(
      `${url}/?thread=a&thread=b&from=start&thread=c&from=&from=${await hub.thread('c').position()}`,
    );
    await guest.got('joined', 3);
    for (const thread of ['a', 'b', 'c']) await hub.thread(thread).send(`${thread}2`);
    const messages = await guest.got('msg', 4);
    expect(messages.map(({ d }) => String(d)).toSorted((a, b) => a.localeCompare(b))).toEqual(['a1', 'a2', 'b2', 'c2']);
  });

  it('more threads than a connection may have close it with 4403; a malformed one among them with 4400', async () => {
    const { url } = await serve({ authorize: () => true }, { maxThreadsPerConnection: 2 });
    const guest = new Guest(`${url}/?thread=a&thread=b`);
    expect((await guest.got('joined', 2)).map(({ th }) => th)).toEqual(['a', 'b']);
    expect(await new Guest(`${url}/?thread=a&thread=b&thread=c`).closed).toBe(4403);
    expect(await new Guest(`${url}/?thread=a&thread=%00`).closed).toBe(4400);
  });

  it('the position of the client counts where the application has joined for it', async () => {
    const { hub, url } = await serve(everything);
    const position = await hub.thread('t1').position();
    await hub.thread('t1').send(1);
    hub.on('connection', (connection) => connection.join('t1'));
    const guest = new Guest(`${url}/?thread=t1&from=${position}`);
    expect((await guest.got('msg')).map(({ d }) => d)).toEqual([1]);
  });

  it.each([
    ['false', () => false],
    ['later false', () => Promise.resolve(false)],
  ])('authorize %s closes with 4403, resumed or not', async (_, authorize) => {
    const { hub, url } = await serve({ authorize });
    const position = await hub.thread('t1').position();
    expect(await new Guest(`${url}/?thread=t1`).closed).toBe(4403);
    expect(await new Guest(`${url}/?thread=t1&from=${position}`).closed).toBe(4403);
    expect(hub.stats().connections.total).toBe(0);
  });

  it('resumes what was sent to its own user with inbox=, and names none of the library’s threads', async () => {
    const asked: string[] = [];
    const { hub, url } = await serve({
      authenticate: ({ url: path = '' }) => (path.includes('guest') ? {} : { userId: 'ada' }),
      authorize: (_, threadId) => asked.push(threadId) > 0,
    });
    const first = new Guest(`${url}/?inbox=`);
    const [joined] = await first.got('joined');
    expect(joined).toMatchObject({ th: '~user:ada', recovered: 0 });
    await hub.user('ada').send('hello');
    expect((await first.got('msg')).map(({ d }) => d)).toEqual(['hello']);
    const again = new Guest(`${url}/?inbox=${String(joined?.['pos'])}`);
    expect((await again.got('msg')).map(({ d }) => d)).toEqual(['hello']);
    expect(await new Guest(`${url}/?inbox=nowhere`).closed).toBe(4400);
    expect(await new Guest(`${url}/?guest&inbox=`).closed).toBe(4403);
    for (const own of ['~user:ada', '~user:bob', '~connection:1', '~']) {
      expect(await new Guest(`${url}/?thread=${own}`).closed).toBe(4400);
    }
    expect(asked).toEqual([]);
  });

  it.each(['room/1', 'org#1', 'ada+b@example.org', '部屋', 'a b&c=d', '100%'])(
    'joins %j, percent-encoded',
    async (id) => {
      const { hub, url } = await serve(everything);
      const guest = new Guest(`${url}/?thread=${encodeURIComponent(id)}`);
      const [joined] = await guest.got('joined');
      expect(joined).toMatchObject({ th: id });
      await hub.thread(id).send(1);
      const [message] = await guest.got('msg');
      expect(message).toMatchObject({ th: id, d: 1 });
      const back = new Guest(`${url}/?thread=${encodeURIComponent(id)}&from=${String(joined?.['pos'])}`);
      expect((await back.got('msg')).map(({ d }) => d)).toEqual([1]);
    },
  );

  it('an authorize without an answer is the same, in time', async () => {
    const { url, errors } = await serve(
      { authorize: () => new Promise(() => {}) },
      { answerTimeoutMs: 20, sweepMs: 10 },
    );
    expect(await new Guest(`${url}/?thread=t1`).closed).toBe(1013);
    expect(errors).toEqual([
      expect.objectContaining({ code: 'TC_ANSWER_TIMEOUT', callback: 'authorize', timeoutMs: 20 }),
    ]);
  });

  it('an authorize that throws is an error of the hub, and a close that says: later', async () => {
    const { url, errors } = await serve({ authorize: () => expect.fail('no database') });
    expect(await new Guest(`${url}/?thread=t1`).closed).toBe(1013);
    expect(errors).toEqual([expect.objectContaining({ message: 'no database' })]);
  });

  it.each([
    'thread=',
    'thread=%00',
    'thread=a%0ab',
    `thread=${'x'.repeat(257)}`,
    `thread=${encodeURIComponent('部'.repeat(86))}`,
    'thread=a&from=garbage',
    'thread=a&from=e.-1.x',
    'thread=a&thread=b&from=start',
    'from=start',
    'thread=a&from=start&from=start',
  ])('?%s closes with 4400', async (query) => {
    const { url, errors } = await serve(everything);
    expect(await new Guest(`${url}/?${query}`).closed).toBe(4400);
    expect(errors).toEqual([]);
  });

  it('gets the bare messages where it asks for plain', async () => {
    const { hub, url } = await serve(everything);
    hub.on('connection', (connection) => connection.on('message', ({ data }) => hub.thread('t1').send({ echo: data })));
    const guest = new Guest(`${url}/?thread=t1&format=plain`);
    expect(await guest.status).toBe(101);
    await expect.poll(() => hub.thread('t1').members.length).toBe(1);
    guest.socket.send('hi');
    await guest.until(({ texts }) => texts.length > 0);
    expect(guest.texts).toEqual(['{"echo":"hi"}']);
  });

  it('decides about the format: session, URL, subprotocol, option', async () => {
    const json = { protocols: ['threadcast.v1.json'] };
    const door = await serve({
      ...everything,
      format: 'plain',
      authenticate: ({ url }) => (url?.includes('forced') === true ? { format: 'json' } : {}),
    });
    const greets = async (guest: Guest): Promise<boolean> => {
      const arrived = nextConnection(door.hub);
      await guest.status;
      const connection = await arrived;
      await connection.join('t');
      await connection.send('x');
      await guest.until(({ texts }) => texts.length > 0);
      return guest.frames.some(({ t }) => t === 'hello');
    };
    expect(await greets(new Guest(door.url))).toBe(false);
    expect(await greets(new Guest(`${door.url}/?format=json`))).toBe(true);
    expect(await greets(new Guest(door.url, json))).toBe(true);
    expect(await greets(new Guest(`${door.url}/?format=plain&forced`))).toBe(true);
    expect(await statusOf(`${door.url}/?format=xml`)).toBe(400);
    expect(await new Guest(`${door.url}/?format=plain`, json).closed).toBe(4400);
    const strict = await serve({ allowPlain: false });
    expect(await statusOf(`${strict.url}/?format=plain`)).toBe(400);
  });

  it('selects its own subprotocol among those that are offered, and needs none', async () => {
    const { url } = await serve();
    const guest = new Guest(url, { protocols: ['token.abc', 'threadcast.v1.json'] });
    expect(await guest.status).toBe(101);
    expect(guest.socket.protocol).toBe('threadcast.v1.json');
    const bare = new Guest(url);
    expect(await bare.status).toBe(101);
    expect([bare.socket.protocol, bare.socket.extensions]).toEqual(['', '']);
  });
});

describe('when there is no place', () => {
  it('a full hub answers 503 before it asks anybody, a user with too many connections gets 429', async () => {
    let asked = 0;
    const { url } = await serve(
      { authenticate: ({ url }) => (asked++, { userId: url ?? '' }) },
      { maxConnections: 3, maxConnectionsPerUser: 2 },
    );
    expect(await statusOf(`${url}/?ada`)).toBe(101);
    expect(await statusOf(`${url}/?ada`)).toBe(101);
    expect(await statusOf(`${url}/?ada`)).toBe(429);
    expect(await statusOf(`${url}/?bob`)).toBe(101);
    expect(asked).toBe(4);
    expect(await statusOf(`${url}/?cleo`)).toBe(503);
    expect(asked).toBe(4);
  });

  it('handshakes at the same time do not pass the limit together', async () => {
    const slow = slowly();
    const { hub, url } = await serve({ authenticate: slow.authenticate }, { maxConnectionsPerUser: 1 });
    const guests = [new Guest(url), new Guest(url), new Guest(url)];
    for (const { answer } of await slow.called(3)) answer({ userId: 'ada' });
    const statuses = await Promise.all(guests.map(({ status }) => status));
    expect(statuses.toSorted((a, b) => a - b)).toEqual([101, 429, 429]);
    expect(hub.stats().connections.total).toBe(1);
  });

  it('evicts the oldest where that is the policy', async () => {
    const { url } = await serve(
      { authenticate: () => ({ userId: 'ada' }) },
      { maxConnectionsPerUser: 1, whenFull: 'evict-oldest' },
    );
    const first = new Guest(url);
    await first.status;
    expect(await statusOf(url)).toBe(101);
    expect(await first.closed).toBe(4409);
  });

  it('a hub that drains answers 503, also to whom it was asking about', async () => {
    const slow = slowly();
    const { hub, http, url, detach } = await serve({ authenticate: slow.authenticate });
    const stuck = new Guest(url);
    (await slow.called(1))[0]?.answer({});
    await stuck.status;
    const waiting = new Guest(url);
    await slow.called(2);
    const draining = hub.drain({ timeoutMs: 5_000 });
    expect(hub.state).toBe('draining');
    const refused = statusOf(url);
    slow.calls[1]?.answer({});
    expect(await waiting.status).toBe(503);
    expect(await refused).toBe(503);
    await draining;
    expect(hub.state).toBe('stopped');
    expect(await statusOf(url)).toBe(503);
    const { hub: next } = makeHub();
    next.attach(http);
    expect(await statusOf(url)).toBe(101);
    detach();
    expect(await statusOf(url)).toBe(101);
    expect(next.stats().connectionsAccepted).toBe(2);
  });

  it('a hub that closes refuses whom it was asking about', async () => {
    const slow = slowly();
    const { hub, http, url } = await serve({ authenticate: slow.authenticate });
    const waiting = new Guest(url);
    const [call] = await slow.called(1);
    await hub.close();
    expect(await waiting.status).toBe(503);
    expect(call?.signal.aborted).toBe(true);
    expect(await statusOf(url)).toBe(503);
    expect(() => hub.attach(http)).toThrow(expect.objectContaining({ code: 'TC_HUB_CLOSED' }));
  });
});

describe('beside other handlers', () => {
  it('leaves the paths of others alone, whichever came first', async () => {
    const { http, port } = await listen();
    const { hub } = makeHub();
    const others = new WebSocketServer({ noServer: true });
    others.on('connection', (socket) => socket.send('{"t":"theirs"}'));
    hub.attach(http, { path: '/chat' });
    http.on('upgrade', (request, socket, head) => {
      if (request.url === '/theirs') others.handleUpgrade(request, socket, head, (ws) => others.emit('connection', ws));
    });
    const theirs = new Guest(`ws://127.0.0.1:${port}/theirs`);
    await theirs.got('theirs');
    const ours = new Guest(`ws://127.0.0.1:${port}/chat?x=/theirs`);
    await ours.got('hello');
    expect(theirs.frames).toEqual([{ t: 'theirs' }]);
    // nobody's: theirs to answer, not ours
    const nobodys = connectTcp(port, '127.0.0.1');
    nobodys.write(request(HANDSHAKE, '/nobodys'));
    const { promise, resolve } = Promise.withResolvers<Duplex>();
    http.once('upgrade', (_, socket) => resolve(socket));
    const socket = await promise;
    expect([socket.destroyed, socket.writableEnded, socket.listenerCount('error')]).toEqual([false, false, 0]);
    socket.destroy();
    nobodys.destroy();
  });

  it('where it is alone, other paths get a 404, and pages are served as before', async () => {
    const { http, port } = await serve({ path: '/chat' });
    for (const path of ['/', '/chat/', '/chatter', '/CHAT', '//chat', '/%63hat']) {
      expect(await statusOf(`ws://127.0.0.1:${port}${path}`)).toBe(404);
    }
    expect(await statusOf(`ws://127.0.0.1:${port}/chat`)).toBe(101);
    expect(await (await fetch(`http://127.0.0.1:${port}/chat`)).text()).toBe('a page');
    expect(http.listenerCount('upgrade')).toBe(1);
  });

  it('several hubs share a server; a path is attached once', async () => {
    const { http, port } = await listen();
    const [a, b] = [makeHub().hub, makeHub().hub];
    const detachA = a.attach(http, { path: '/a' });
    b.attach(http, { path: '/b' });
    expect(() => b.attach(http, { path: '/a' })).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
    const url = `ws://127.0.0.1:${port}`;
    expect(await Promise.all(['/a', '/b', '/c'].map((path) => statusOf(url + path)))).toEqual([101, 101, 404]);
    expect([a.stats().connections.total, b.stats().connections.total]).toEqual([1, 1]);
    detachA();
    expect(await statusOf(`${url}/a`)).toBe(404);
    b.attach(http, { path: '/a' });
    detachA();
    expect(await statusOf(`${url}/a`)).toBe(101);
  });

  it('detach refuses whom it was asking about, keeps connections, and gives the server back', async () => {
    const slow = slowly();
    const { hub, http, url, detach } = await serve({ authenticate: slow.authenticate });
    const inside = new Guest(url);
    (await slow.called(1))[0]?.answer({});
    await inside.got('hello');
    const waiting = new Guest(url);
    await slow.called(2);
    detach();
    detach();
    expect(await waiting.status).toBe(503);
    expect(http.listenerCount('upgrade')).toBe(0);
    // without any listener, Node serves the request as if it asked for no upgrade
    expect(await statusOf(url)).toBe(200);
    const [connection] = hub.connections;
    await connection?.send('still here');
    expect((await inside.got('msg')).map(({ d }) => d)).toEqual(['still here']);
  });

  it.each(['before', 'after'])(
    'reports a server of ws that takes every path for its own, attached %s',
    async (when) => {
      const { http, port } = await listen();
      const { hub, errors } = makeHub();
      const attachTheirs = (): unknown => new WebSocketServer({ server: http, path: '/theirs' });
      if (when === 'before') attachTheirs();
      hub.attach(http, { path: '/chat' });
      if (when === 'after') attachTheirs();
      expect(await statusOf(`ws://127.0.0.1:${port}/chat`)).toBe(400);
      await expect.poll(() => errors).toEqual([expect.objectContaining({ code: 'TC_UPGRADE_TAKEN', path: '/chat' })]);
      expect(hub.stats().connectionsAccepted).toBe(0);
    },
  );

  it('reports a socket that another handler of the same path has taken, and leaves it to that', async () => {
    const { http, url, errors } = await serve();
    const others = new WebSocketServer({ noServer: true });
    http.on('upgrade', (request, socket, head) =>
      others.handleUpgrade(request, socket, head, (ws) => ws.send('{"t":"theirs"}')),
    );
    const guest = new Guest(url);
    await guest.got('theirs');
    await expect.poll(() => errors.length).toBe(1);
    expect(guest.frames).toEqual([{ t: 'theirs' }]);
    expect(guest.socket.readyState).toBe(WebSocket.OPEN);
  });

  it.each([
    { path: 'chat' },
    { path: '/chat?x' },
    { path: 7 },
    { allowedOrigins: ['https://a.example/'] },
    { allowedOrigins: ['*'] },
    { allowedOrigins: 'https://a.example' },
    { allowedOrigins: ['a.example'] },
    { authenticate: 'yes' },
    { authorize: true },
    { maxPayload: 0 },
    { maxPayload: 2 ** 30 },
    { maxFragments: -1 },
    { maxPendingHandshakes: 0 },
    { authenticateTimeoutMs: Number.NaN },
    { format: 'xml' },
  ])('refuses the options %j, naming the wrong one', async (options) => {
    const { http } = await listen();
    const { hub } = makeHub();
    const [option = ''] = Object.keys(options);
    expect(() => attachUntyped(hub, http, options)).toThrow(
      expect.objectContaining({ code: 'TC_INVALID_OPTION', option }),
    );
    expect(http.listenerCount('upgrade')).toBe(0);
    expect(() => attachUntyped(hub, () => {}, {})).toThrow(expect.objectContaining({ option: 'server' }));
  });
});

describe('garbage', () => {
  it.each([
    ['no key', HANDSHAKE.slice(0, -1), 400],
    ['a bad key', [...HANDSHAKE.slice(0, -1), 'Sec-WebSocket-Key: x'], 400],
    ['a wrong version', HANDSHAKE.map((line) => line.replace('13', '12')), 400],
    ['another protocol', HANDSHAKE.map((line) => line.replace('websocket', 'h2c')), 400],
    ['malformed subprotocols', [...HANDSHAKE, 'Sec-WebSocket-Protocol: ,,'], 400],
    ['huge headers', [...HANDSHAKE, `Cookie: ${'x'.repeat(17_000)}`], 431],
  ])('%s', async (_, lines, status) => {
    const { hub, http, port, errors } = await serve();
    expect(await answerTo(port, request(lines))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(hub.stats().connectionsAccepted).toBe(0);
    expect(errors).toEqual([]);
    await expect.poll(() => openSockets(http)).toBe(0);
  });

  it.each(['http://[', '*', '//', '/../..', '/\u00e9', 'http://localhost/'])('the target %s', async (target) => {
    const { hub, port, errors } = await serve({ path: '/chat' });
    expect(await answerTo(port, request(HANDSHAKE, target))).toMatch(/^HTTP\/1.1 40[04] /);
    expect(hub.stats().connectionsAccepted).toBe(0);
    expect(errors).toEqual([]);
  });

  it('a POST', async () => {
    const { port } = await serve();
    expect(await answerTo(port, request(HANDSHAKE).replace('GET', 'POST'))).toMatch(/^HTTP\/1.1 405 /);
  });

  it('a message that is too big, or of too many fragments, ends that connection', async () => {
    const { hub, url, errors } = await serve({ maxPayload: 1_000, maxFragments: 3 });
    const big = new Guest(url);
    await big.got('hello');
    big.socket.send('x'.repeat(1_001));
    expect(await big.closed).toBe(1009);
    const bits = new Guest(url);
    await bits.got('hello');
    for (let i = 0; i < 4; i++) bits.socket.send('x', { fin: i === 3 });
    expect(await bits.closed).toBe(1008);
    await expect.poll(() => hub.stats().connections.total).toBe(0);
    expect(errors).toEqual([]);
  });

  it('a client is told the size that its door takes, not what the hub would take elsewhere', async () => {
    const { hub, url } = await serve({ maxPayload: 1_000, authorize: () => true, onPublish: () => true });
    const client = connect(url);
    onTestFinished(() => client.close());
    await expect(client.publish('t', 'x'.repeat(1_000))).rejects.toMatchObject({
      code: 'TC_MESSAGE_TOO_LARGE',
      limit: 1_000,
    });
    await client.publish('t', 'x'.repeat(900));
    expect(hub.stats().connectionsAccepted).toBe(1);
  });

  it('what a client sends right behind its request is heard after the 101', async () => {
    const slow = slowly();
    const { hub, port } = await serve({ authenticate: slow.authenticate, authorize: () => true });
    const arrived = nextConnection(hub);
    const socket = connectTcp(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    // a masked text frame {"t":"pub","th":"t","id":"1","d":0}, its mask zero
    const text = '{"t":"pub","th":"t","id":"1","d":0}';
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
    socket.write(Buffer.concat([Buffer.from(request(HANDSHAKE)), frame]));
    const [call] = await slow.called(1);
    call?.answer({ userId: 'ada' });
    const connection = await arrived;
    const message = await new Promise((resolve) => {
      connection.on('message', resolve);
    });
    expect(message).toEqual({ threadId: 't', id: expect.stringMatching(/^[\w-]+\.1$/), data: 0, trace: undefined });
  });

  it('clients that come and go at every stage leave no socket and no pending handshake', async () => {
    const { hub, http, port, errors } = await serve({
      authenticate: async ({ url }) => (url?.includes('ok') === true ? {} : false),
      authorize: () => true,
    });
    const whole = request(HANDSHAKE, '/?thread=t&ok');
    const visits = Array.from({ length: 300 }, async (_, i) => {
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(i % 3 === 0 ? whole.slice(0, i) : i % 3 === 1 ? whole : request(HANDSHAKE));
      if (i % 2 === 0) socket.resetAndDestroy();
      else socket.end();
      socket.resume();
      if (!socket.destroyed) await once(socket, 'close');
    });
    await Promise.all(visits);
    await expect.poll(() => openSockets(http)).toBe(0);
    await expect.poll(() => hub.stats().connections.total).toBe(0);
    expect(errors).toEqual([]);
    expect(await statusOf(`ws://127.0.0.1:${port}/?ok`)).toBe(101);
  });
});
