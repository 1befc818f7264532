import { afterEach, expect, test, vi } from 'vitest';
import { fakeNetwork, LISTS } from './fake-network.ts';

afterEach(() => vi.unstubAllGlobals());

/** The newest socket ends, and the next attempt is made. */
async function fail(network: ReturnType<typeof fakeNetwork>, code = 1006): Promise<void> {
  const { length } = network.sockets;
  network.socket.lose(code);
  for (let i = 0; i < 100 && network.sockets.length === length; i++) await network.clock.advance(500);
}

test('handshakes that fail again and again are an error and a number, once, and the client goes on trying', async () => {
  const network = fakeNetwork();
  const failures: (number | undefined)[] = [];
  network.client.on('state', (change) => change.to === 'waiting' && failures.push(change.failures));
  for (let i = 0; i < 8; i++) await fail(network);
  expect(failures).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(network.errors).toMatchObject([{ code: 'TC_CONNECTION_FAILING', attempts: 5, closeCode: 1006 }]);
  expect(network.sockets).toHaveLength(9);
  // what worked and fails again is told again
  network.socket.open(LISTS);
  await fail(network);
  expect(failures.at(-1)).toBe(0);
  for (let i = 0; i < 5; i++) await fail(network);
  expect(network.errors).toHaveLength(2);
});

test('a server that greets and sends away again and again is one that fails', async () => {
  const network = fakeNetwork();
  for (let i = 0; i < 6; i++) {
    network.socket.open(LISTS);
    await fail(network, 4429);
  }
  expect(network.errors).toMatchObject([{ code: 'TC_CONNECTION_FAILING', closeCode: 4429 }]);
});

test('a connection that is closed as idle from time to time is none that fails', async () => {
  const network = fakeNetwork();
  for (let i = 0; i < 6; i++) {
    network.socket.open(LISTS);
    await network.clock.advance(60_000);
    await fail(network, 4406);
  }
  expect(network.errors).toEqual([]);
});

test('without a network nothing is said', async () => {
  vi.stubGlobal('navigator', { onLine: false });
  const network = fakeNetwork();
  for (let i = 0; i < 8; i++) await fail(network);
  expect(network.errors).toEqual([]);
});

test('without crypto and TextEncoder, as in React Native, messages have ids and limits all the same', async () => {
  vi.stubGlobal('crypto', undefined);
  vi.stubGlobal('TextEncoder', undefined);
  const network = fakeNetwork({ newId: undefined });
  const socket = network.socket.open({ ...LISTS, limits: { maxBytes: 200 } });
  socket.onSend = ({ th, id }) => socket.say({ t: 'ok', th, id });
  const ids = new Set<string>();
  for (let i = 0; i < 100; i++) ids.add((await network.client.publish('a', i)).id);
  expect(ids.size).toBe(100);
  for (const id of ids) expect(id).toMatch(/^[\w-]{10,64}$/);
  for (const text of ['ä'.repeat(200), '部'.repeat(200), '😀'.repeat(100)]) {
    const bytes = Buffer.byteLength(JSON.stringify({ t: 'pub', th: 'a', id: 'i', d: text }));
    await expect(network.client.publish('a', text, { id: 'i' })).rejects.toMatchObject({ bytes });
  }
});

test('without reportError and process, an error without a listener goes to the console', async () => {
  const error = vi.fn();
  vi.stubGlobal('console', { error });
  vi.stubGlobal('reportError', undefined);
  vi.stubGlobal('process', undefined);
  const network = fakeNetwork();
  network.client.on('error', () => {
    throw new Error('mine');
  });
  network.socket.open(LISTS).say('no frame');
  vi.unstubAllGlobals();
  expect(error.mock.calls).toEqual([[new Error('mine')]]);
});
