import { afterEach, expect, test, vi } from 'vitest';
import { connect, InvalidOptionError } from '../../src/client/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { fakeNetwork, FakeSocket, HELLO } from './fake-network.ts';

afterEach(() => vi.unstubAllGlobals());

test('connects with the subprotocol, and says so', () => {
  const network = fakeNetwork();
  expect(network.client.state).toBe('connecting');
  expect(network.socket).toMatchObject({
    url: expect.stringMatching(/^ws:\/\/hub.test\/ws\?cid=[\w-]{22,64}$/),
    protocols: 'threadcast.v1.json',
  });
  network.socket.open();
  expect(network.client.state).toBe('open');
  expect(network.states).toEqual(['open']);
});

test('the token is a query parameter', () => {
  expect(fakeNetwork({ token: 'a b&c' }).socket.url).toMatch(/^ws:\/\/hub.test\/ws\?cid=[\w-]+&token=a%20b%26c$/);
  expect(fakeNetwork({ token: 'x' }, 'ws://hub.test/ws?v=1').socket.url).toMatch(/ws\?v=1&cid=[\w-]+&token=x$/);
});

test('a function is asked for a fresh token on each attempt', async () => {
  let n = 0;
  const { clock, sockets } = fakeNetwork({ token: async () => `t${++n}` });
  await clock.settle();
  sockets[0]?.open().lose();
  await clock.advance(500);
  const [first = '', second = ''] = sockets.map(({ url }) => url);
  expect(first).toMatch(/&token=t1$/);
  // it is the same client
  expect(second).toBe(first.replace('t1', 't2'));
});

test.each([
  [
    'throws',
    (): string => {
      throw new Error('no token');
    },
  ],
  [
    'rejects',
    async (): Promise<string> => {
      throw new Error('no token');
    },
  ],
])('a token function that %s is a failed attempt', async (_, token) => {
  const { clock, client, errors, sockets } = fakeNetwork({ token });
  await clock.settle();
  expect(client.state).toBe('waiting');
  expect(errors).toEqual([new Error('no token')]);
  await clock.advance(500);
  expect([errors.length, sockets.length]).toEqual([2, 0]);
});

test('a token that comes after close() opens nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { clock, client, sockets } = fakeNetwork({ token: () => promise });
  await clock.settle();
  client.close();
  resolve('late');
  await clock.advance(60_000);
  expect([sockets.length, clock.pending]).toEqual([0, 0]);
});

test('comes back with growing, jittered waits', async () => {
  const network = fakeNetwork({ random: () => 0.999_999 });
  const waits: number[] = [];
  network.client.on('state', ({ to, retryInMs }) => {
    if (to === 'waiting') waits.push(Math.round(retryInMs ?? -1));
  });
  for (const wait of [1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]) {
    network.socket.lose();
    expect(waits.at(-1)).toBe(wait);
    await network.clock.advance(wait);
  }
  expect(network.sockets).toHaveLength(8);
});

test('a connection that lasted starts the waits anew, one that did not goes on', async () => {
  const network = fakeNetwork({ random: () => 1 });
  const waits: (number | undefined)[] = [];
  network.client.on('state', ({ to, retryInMs }) => to === 'waiting' && waits.push(retryInMs));
  for (const lasted of [0, 100, 100, 5_000]) {
    network.socket.open();
    await network.clock.advance(lasted);
    network.socket.lose();
    await network.clock.advance(waits.at(-1) ?? 0);
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 1_000]);
});

test.each([1001, 1006, 1012, 4408, 1011])('after %i it comes back', async (code) => {
  const network = fakeNetwork();
  network.socket.open().lose(code);
  expect(network.client.state).toBe('waiting');
  await network.clock.advance(500);
  expect(network.client.state).toBe('connecting');
});

test.each([1013, 4429])('after %i it comes back later, also when the network comes back', async (code) => {
  const listeners = stubBrowser();
  const network = fakeNetwork();
  network.socket.open().lose(code);
  listeners.dispatch('online');
  await network.clock.advance(9_999);
  expect(network.client.state).toBe('waiting');
  await network.clock.advance(1);
  expect(network.client.state).toBe('connecting');
});

test.each([1000, 1008, 1009, 4400, 4401, 4403, 4409])('after %i it stays away', async (code) => {
  const network = fakeNetwork();
  const changes: unknown[] = [];
  network.client.on('state', (change) => changes.push(change));
  network.socket.open().lose(code, 'why');
  await network.clock.advance(100_000);
  expect(network.client.state).toBe('closed');
  expect(changes.at(-1)).toEqual({ from: 'open', to: 'closed', code, reason: 'why' });
  expect([network.sockets.length, network.clock.pending]).toEqual([1, 0]);
});

test('comes back when bye said', async () => {
  const network = fakeNetwork();
  network.socket.open().say({ t: 'bye', retryMs: 3_210 }).lose(1012);
  await network.clock.advance(3_209);
  expect(network.client.state).toBe('waiting');
  await network.clock.advance(1);
  network.socket.lose();
  await network.clock.advance(500);
  expect(network.sockets).toHaveLength(3);
});

test('an attempt that takes too long is given up', async () => {
  const network = fakeNetwork();
  const [first] = network.sockets;
  await network.clock.advance(10_000);
  expect(network.client.state).toBe('waiting');
  expect(first?.closedWith).toBe(1000);
  await network.clock.advance(500);
  first?.open().lose(4401);
  expect([network.client.state, network.sockets.length]).toEqual(['connecting', 2]);
});

test('close is final, once, and leaves no timer', async () => {
  for (const prepare of ['connecting', 'open', 'waiting'] as const) {
    const network = fakeNetwork();
    if (prepare !== 'connecting') network.socket.open();
    if (prepare === 'waiting') network.socket.lose();
    expect(network.client.state).toBe(prepare);
    network.client.close();
    network.client.close();
    network.socket.lose();
    await network.clock.advance(100_000);
    expect(network.client.state).toBe('closed');
    expect(network.states.filter((state) => state === 'closed')).toHaveLength(1);
    expect([network.sockets.length, network.clock.pending]).toEqual([1, 0]);
  }
});

test('a listener may close the client at any change of state', async () => {
  for (const at of ['open', 'waiting', 'connecting'] as const) {
    const network = fakeNetwork();
    network.client.on('state', ({ to }) => {
      if (to === at) network.client.close();
    });
    network.socket.open().lose();
    await network.clock.advance(100_000);
    expect(network.client.state).toBe('closed');
    expect([network.sockets.length, network.clock.pending]).toEqual([1, 0]);
  }
});

test('a listener that throws, or rejects, changes nothing', async () => {
  const network = fakeNetwork();
  network.client.on('state', () => {
    throw new Error('mine');
  });
  const rejects = (): unknown => Promise.reject(new Error('later'));
  network.client.on('state', rejects);
  network.socket.open();
  await network.clock.settle();
  expect(network.client.state).toBe('open');
  expect(network.errors).toEqual([new Error('mine'), new Error('later')]);
});

test('without an error listener, reportError is told', () => {
  const reportError = vi.fn();
  vi.stubGlobal('reportError', reportError);
  const network = fakeNetwork();
  const off = network.client.on('error', () => {
    throw new Error('in the error listener');
  });
  network.socket.open().say('garbage');
  expect(reportError).toHaveBeenCalledExactlyOnceWith(new Error('in the error listener'));
  off();
});

test('garbage is reported and ignored', () => {
  const network = fakeNetwork();
  network.socket.open().say('garbage', '[]', { t: 'msg' }, { t: 'from the future' });
  network.socket.sayBytes(new Uint8Array(2));
  expect(network.client.state).toBe('open');
  expect(network.errors).toHaveLength(4);
  expect(network.errors[0]).toMatchObject({ code: 'TC_MALFORMED_FRAME', start: 'garbage' });
});

test('a constructor that throws: connect throws, a later attempt is a failed one', async () => {
  let isBroken = true;
  const sockets: FakeSocket[] = [];
  class Fragile extends FakeSocket {
    constructor(url: string) {
      if (isBroken) throw new SyntaxError('bad url');
      super(url);
      sockets.push(this);
    }
  }
  const unused = new VirtualClock();
  expect(() => fakeNetwork({ WebSocket: Fragile, clock: unused })).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'url', message: expect.stringContaining('bad url') }),
  );
  expect(unused.pending).toBe(0);
  isBroken = false;
  const { client, clock, errors } = fakeNetwork({ WebSocket: Fragile });
  isBroken = true;
  sockets[0]?.lose();
  await clock.advance(500);
  expect(client.state).toBe('waiting');
  expect(errors).toEqual([new SyntaxError('bad url')]);
  isBroken = false;
  await clock.advance(500);
  expect([client.state, sockets.length]).toEqual(['connecting', 2]);
});

test('options out of range are refused', () => {
  const { sockets } = fakeNetwork();
  for (const options of [
    { maxQueued: -1 },
    { maxBuffered: 1 },
    { backoff: { minMs: 0 } },
    { backoff: { minMs: 9, maxMs: 1 } },
  ]) {
    expect(() => fakeNetwork(options)).toThrow(InvalidOptionError);
  }
  vi.stubGlobal('WebSocket', undefined);
  expect(() => connect('ws://hub.test')).toThrow(InvalidOptionError);
  expect(sockets).toHaveLength(1);
});

// --- the browser around it

function stubBrowser(onLine = true) {
  const listening: string[] = [];
  class Target extends EventTarget {
    visibilityState = 'hidden';
    override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
      listening.push(args[0]);
      super.addEventListener(...args);
    }
    override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
      listening.splice(listening.indexOf(args[0]), 1);
      super.removeEventListener(...args);
    }
  }
  const page = new Target();
  const target = new Target();
  const state = { onLine };
  vi.stubGlobal('addEventListener', target.addEventListener.bind(target));
  vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target));
  vi.stubGlobal('navigator', state);
  vi.stubGlobal('document', page);
  return {
    /** Events that somebody listens to. */
    listening,
    dispatch(type: 'online' | 'offline') {
      state.onLine = type === 'online';
      target.dispatchEvent(new Event(type));
    },
    /** The back/forward cache, or the freezer, gives the page back. */
    wake(type: 'pageshow' | 'resume') {
      (type === 'resume' ? page : target).dispatchEvent(new Event(type));
    },
    show(visibilityState: 'visible' | 'hidden') {
      page.visibilityState = visibilityState;
      page.dispatchEvent(new Event('visibilitychange'));
    },
  };
}

test('back online, it comes back at once', async () => {
  const browser = stubBrowser();
  const network = fakeNetwork();
  network.socket.open().lose();
  browser.dispatch('online');
  expect(network.client.state).toBe('connecting');
  expect(network.sockets).toHaveLength(2);
});

test('offline, it tries no more often than the longest wait', async () => {
  stubBrowser(false);
  const network = fakeNetwork();
  network.socket.open().lose();
  await network.clock.advance(19_999);
  expect(network.sockets).toHaveLength(1);
  await network.clock.advance(1);
  expect(network.sockets).toHaveLength(2);
});

test('a socket that said nothing since the network went is not trusted', async () => {
  const browser = stubBrowser();
  const network = fakeNetwork();
  const [first] = network.sockets;
  first?.open();
  await network.clock.advance(10);
  browser.dispatch('offline');
  expect(network.client.state).toBe('open');
  browser.dispatch('online');
  expect(network.client.state).toBe('connecting');
  expect(first?.closedWith).toBe(1000);
});

test('a socket that delivered since the network went is kept', async () => {
  const browser = stubBrowser();
  const network = fakeNetwork();
  network.socket.open();
  browser.dispatch('offline');
  await network.clock.advance(10);
  network.socket.say({ t: 'hb' });
  browser.dispatch('online');
  expect(network.client.state).toBe('open');
});

test('a page that is shown again tries at once', async () => {
  const browser = stubBrowser();
  const network = fakeNetwork();
  network.socket.open().lose();
  browser.show('hidden');
  expect(network.client.state).toBe('waiting');
  browser.show('visible');
  expect(network.client.state).toBe('connecting');
});

test.each(['pageshow', 'resume'] as const)(
  'at %s it tries at once, but not before the server allows it',
  async (type) => {
    const browser = stubBrowser();
    const network = fakeNetwork();
    network.socket.open().lose();
    browser.wake(type);
    expect(network.client.state).toBe('connecting');
    network.socket.open().lose(4429);
    browser.wake(type);
    expect(network.client.state).toBe('waiting');
    await network.clock.advance(10_000);
    network.socket.open();
    browser.wake(type);
    expect([network.client.state, network.sockets.length]).toEqual(['open', 3]);
  },
);

test('a loss that the browser reports after the page woke is not waited for, once', async () => {
  const browser = stubBrowser();
  const network = fakeNetwork();
  network.socket.open();
  browser.wake('resume');
  await network.clock.advance(100);
  network.socket.lose();
  expect(network.client.state).toBe('connecting');
  network.socket.open().lose();
  expect(network.client.state).toBe('waiting');
  await network.clock.advance(60_000);
  network.socket.open();
  browser.wake('pageshow');
  await network.clock.advance(5_000);
  network.socket.lose();
  expect(network.client.state).toBe('waiting');
});

test('a server of many clients spreads their return: it says so in hello', async () => {
  const waits: (number | undefined)[] = [];
  for (const random of [0, 0.5, 0.999]) {
    const { client, socket } = fakeNetwork({ random: () => random });
    client.on('state', ({ retryInMs }) => waits.push(retryInMs));
    socket.open({ ...HELLO, spreadMs: 5_000 }).lose();
    client.close();
  }
  expect(waits.filter((ms) => ms !== undefined)).toEqual([500, 2_750, 4_995.5]);
});

test.each([1e9, -1, '5000', null])('spreadMs %s leaves the longest wait', (spreadMs) => {
  const { client, socket } = fakeNetwork({ random: () => 1 });
  const waits: number[] = [];
  client.on('state', ({ retryInMs = 0 }) => waits.push(retryInMs));
  socket.open({ ...HELLO, spreadMs }).lose();
  expect(waits.at(-1)).toBe(spreadMs === 1e9 ? 20_000 : 1_000);
});

test('a closed client listens to the browser no more', async () => {
  const browser = stubBrowser();
  const network = fakeNetwork();
  expect(browser.listening).toEqual(['offline', 'online', 'pageshow', 'resume', 'visibilitychange']);
  network.client.close();
  expect(browser.listening).toEqual([]);
  browser.dispatch('online');
  browser.show('visible');
  expect(network.sockets).toHaveLength(1);
});

// --- heartbeats

test('a server that sends heartbeats and falls silent is left after 2.5 of its pings', async () => {
  const network = fakeNetwork();
  network.socket.open({ t: 'hello', sid: 's', pingMs: 4_000, limits: {} });
  for (let i = 0; i < 5; i++) {
    await network.clock.advance(9_000);
    network.socket.say({ t: 'hb' });
  }
  await network.clock.advance(9_999);
  expect(network.client.state).toBe('open');
  await network.clock.advance(1);
  expect(network.client.state).toBe('waiting');
});

test('a server that tells no time may be silent for ever', async () => {
  const network = fakeNetwork();
  network.socket.open({ t: 'hello', sid: 's', limits: {} });
  await network.clock.advance(1_000_000);
  expect([network.client.state, network.clock.pending]).toEqual(['open', 0]);
});

test('once the time is known, a new socket that says nothing at all is left too', async () => {
  const network = fakeNetwork();
  network.socket.open({ t: 'hello', sid: 's', pingMs: 4_000, limits: {} }).lose();
  await network.clock.advance(500);
  network.socket.open();
  await network.clock.advance(10_000);
  expect(network.client.state).toBe('waiting');
});

test('a machine that slept passes no verdict at once', async () => {
  const network = fakeNetwork();
  network.socket.open({ t: 'hello', sid: 's', pingMs: 4_000, limits: {} });
  await network.clock.freeze(3_600_000);
  expect(network.client.state).toBe('open');
  await network.clock.advance(3_999);
  network.socket.say({ t: 'hb' });
  await network.clock.advance(9_999);
  expect(network.client.state).toBe('open');
});

test('a line that died while the machine slept is left some seconds after that, not half a minute', async () => {
  const network = fakeNetwork();
  network.socket.open({ t: 'hello', sid: 's', pingMs: 25_000, limits: {} });
  await network.clock.freeze(3_600_000);
  await network.clock.advance(4_999);
  expect(network.client.state).toBe('open');
  await network.clock.advance(1);
  expect(network.client.state).toBe('waiting');
});

test('a connection on which nobody says hello is given up like one that does not open', async () => {
  const network = fakeNetwork({ connectTimeoutMs: 3_000 });
  const published = network.client.publish('t1', 1);
  network.socket.upgrade();
  await network.clock.advance(2_999);
  expect(network.client.state).toBe('open');
  await network.clock.advance(1);
  expect(network.states).toEqual(['open', 'waiting']);
  await network.clock.advance(500);
  network.socket.open();
  network.socket.say({ t: 'ok', th: 't1', id: 'id-1' });
  await published;
  await network.clock.advance(3_600_000);
  expect(network.client.state).toBe('open');
});

test('whether the server can reach its log', async () => {
  const network = fakeNetwork();
  const news: boolean[] = [];
  network.client.on('log', ({ isUp }) => news.push(isUp));
  network.socket.open();
  expect([network.client.isLogUp, news]).toEqual([true, []]);
  network.socket.say({ t: 'log', up: false }, { t: 'log', up: false });
  expect([network.client.isLogUp, news]).toEqual([false, [false]]);
  // a server that comes into it says so at once, one that has no trouble says nothing
  for (const hello of [{ ...HELLO, up: false }, HELLO]) {
    network.socket.lose();
    await network.clock.advance(1_000);
    network.socket.open(hello);
  }
  expect([network.client.isLogUp, news]).toEqual([true, [false, true]]);
});

test('after a 4401, one attempt with a fresh token; a connection that lasts makes it one again', async () => {
  let asked = 0;
  const network = fakeNetwork({ token: () => `t${++asked}` });
  const { client, clock } = network;
  const signIns: unknown[] = [];
  client.on('signIn', (news) => signIns.push(news));
  await clock.settle();
  network.socket.open();
  await clock.advance(10_000);
  network.socket.lose(4401, 'expired');
  expect(client.state).toBe('waiting');
  await clock.advance(1_000);
  network.socket.open();
  network.socket.lose(4401, 'expired');
  expect(client.state).toBe('closed');
  expect(signIns).toEqual([{ reason: 'expired' }]);
  await clock.advance(600_000);
  expect(asked).toBe(2);
});

test('a token that is no function is not worth another attempt', () => {
  const { client, socket } = fakeNetwork({ token: 'mine' });
  const signIns: unknown[] = [];
  client.on('signIn', (news) => signIns.push(news));
  socket.upgrade().lose(4401, 'no');
  expect([client.state, signIns]).toEqual(['closed', [{ reason: 'no' }]]);
});

/** Tokens that are there after a tenth of a second, or not. */
async function opened(isFailing = () => false) {
  let asked = 0;
  const clock = new VirtualClock();
  const token = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const n = ++asked;
      clock.setTimeout(() => (isFailing() ? reject(new Error(`no t${n}`)) : resolve(`t${n}`)), 100);
    });
  const network = fakeNetwork({ token, clock });
  await clock.advance(100);
  network.socket.open();
  return { network, clock };
}

test('the server asks for a fresh token: the client sends one, one at a time', async () => {
  const { network, clock } = await opened();
  const { socket } = network;
  socket.say({ t: 'renew', ms: 60_000 }, { t: 'renew', ms: 60_000 });
  await clock.advance(100);
  socket.say({ t: 'renewed' }, { t: 'renew' });
  await clock.advance(100);
  expect(socket.sentOf('renew')).toEqual([
    { t: 'renew', token: 't2' },
    { t: 'renew', token: 't3' },
  ]);
  expect([network.client.state, network.errors]).toEqual(['open', []]);
});

test('a fresh token that cannot be had is an error, and the next question is another attempt', async () => {
  let isFailing = false;
  const { network, clock } = await opened(() => isFailing);
  isFailing = true;
  network.socket.say({ t: 'renew' });
  await clock.advance(100);
  expect([network.client.state, network.errors]).toEqual(['open', [new Error('no t2')]]);
  isFailing = false;
  network.socket.say({ t: 'renew' });
  await clock.advance(100);
  expect(network.socket.sentOf('renew')).toEqual([{ t: 'renew', token: 't3' }]);
});

test('a fresh token that comes after the connection goes to no other one', async () => {
  const { network, clock } = await opened();
  network.socket.say({ t: 'renew' }).lose();
  await clock.advance(5_000);
  network.socket.open().say({ t: 'renew' });
  await clock.advance(100);
  expect(network.sockets.map((socket) => socket.sentOf('renew'))).toEqual([[], [{ t: 'renew', token: 't4' }]]);
});

test('a token that never changes is not sent again', () => {
  const { socket, errors } = fakeNetwork({ token: 'mine' });
  socket.open().say({ t: 'renew', ms: 60_000 });
  expect([socket.sentOf('renew'), errors]).toEqual([[], []]);
});

test('a refused token is an error of the client, which stays', async () => {
  const { network } = await opened();
  network.socket.say({ t: 'err', code: 'unauthenticated', why: 'expired' });
  expect(network.client.state).toBe('open');
  expect(network.errors).toEqual([expect.objectContaining({ code: 'TC_SERVER_ERROR', reason: 'unauthenticated' })]);
});
