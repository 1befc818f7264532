import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { createHub, type AttachOptions, type Hub, type Membership } from '../../src/index.ts';
import type { Client, ClientThread } from '../../src/client/index.ts';
import { values } from '../../src/values/index.ts';
import { isOwnPresence, presence, receipts, typing } from '../../src/presence/index.ts';
import { testClient } from '../client/hub-server.ts';
import { closeHub, SteppedClock } from '../support/stepped-clock.ts';

interface Served {
  readonly hub: Hub;
  readonly clientOf: (user: string) => Client;
}

async function serve(options: AttachOptions = {}, clock?: SteppedClock): Promise<Served> {
  const hub = createHub({ clock });
  const server = createServer();
  hub.attach(server, {
    authenticate: ({ url = '/' }) => ({ userId: new URL(url, 'ws://localhost').searchParams.get('user') ?? 'none' }),
    authorize: () => true,
    ...options,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  onTestFinished(async () => {
    await closeHub(hub, clock);
    server.close();
    server.closeAllConnections();
  });
  return { hub, clientOf: (user) => testClient(`ws://127.0.0.1:${address.port}/?user=${user}`, { values }) };
}

const viewOf = (thread: ClientThread): object => Object.fromEntries(thread.values?.entries() ?? []);

/** @param clock of the hub, where it does not go by itself: changes wait for each other a little */
async function becomes(thread: ClientThread, view: object, clock?: SteppedClock): Promise<void> {
  const viewLater = async (): Promise<object> => {
    await clock?.advance(5);
    return viewOf(thread);
  };
  await expect.poll(viewLater, { interval: 5 }).toEqual(view);
}

test('a thread has a view of the values, with an event for each change; a client without the part has none', async () => {
  const { hub, clientOf } = await serve();
  await hub.thread('t').values.set('a', 1);
  const thread = clientOf('ada').join('t');
  const news: unknown[] = [];
  thread.values?.on('value', (change) => news.push(change));
  await becomes(thread, { a: 1 });
  await hub.thread('t').values.set('b', null);
  await becomes(thread, { a: 1, b: null });
  await hub.thread('t').values.delete('a');
  await becomes(thread, { b: null });
  expect(thread.values?.get('b')).toBe(null);
  expect(news).toEqual([
    { key: 'a', value: 1 },
    { key: 'b', value: null },
    { key: 'a', value: undefined },
  ]);
});

test('a client sets and deletes values where onValue allows it; owned ones come back with the client', async () => {
  const clock = new SteppedClock();
  const { hub, clientOf } = await serve({ onValue: (_session, { key }) => key !== 'forbidden' }, clock);
  const [ada, bob] = [clientOf('ada').join('t'), clientOf('bob').join('t')];
  await ada.values?.set('topic', 'x');
  await ada.values?.set('mine', 1, { owned: true });
  await ada.values?.set('short', 1, { ttlMs: 2_000 });
  await becomes(bob, { topic: 'x', mine: 1, short: 1 }, clock);
  await clock.advance(2_000);
  await becomes(bob, { topic: 'x', mine: 1 }, clock);
  await expect(ada.values?.set('forbidden', 1)).rejects.toMatchObject({
    code: 'TC_PUBLISH_REFUSED',
    reason: 'forbidden',
  });
  await expect(ada.values?.set('none', undefined)).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
  for (const connection of hub.user('ada').connections) connection.close(4408, 'cut');
  await expect.poll(() => hub.user('ada').connections.length).toBe(0);
  await expect.poll(() => hub.user('ada').connections.length).toBe(1);
  // it comes after what the client has set again
  await ada.values?.set('later', 1);
  await becomes(bob, { topic: 'x', mine: 1, later: 1 }, clock);
  await ada.values?.delete('later');
  await ada.values?.delete('topic');
  await becomes(bob, { mine: 1 }, clock);
  // the value is the new connection's
  ada.leave();
  await becomes(bob, {}, clock);
  expect(await hub.thread('t').values.entries()).toEqual([]);
});

test('values that were removed while a client was away are gone when it is back', async () => {
  const { hub, clientOf } = await serve();
  const { values: onServer } = hub.thread('t');
  await onServer.set('a', 1);
  await onServer.set('b', 1);
  const thread = clientOf('ada').join('t');
  await becomes(thread, { a: 1, b: 1 });
  const news: unknown[] = [];
  thread.values?.on('value', (change) => news.push(change));
  for (const connection of hub.user('ada').connections) connection.close(4408, 'cut');
  await onServer.delete('a');
  await onServer.set('c', 1);
  await becomes(thread, { b: 1, c: 1 });
  expect(news).toEqual([
    { key: 'a', value: undefined },
    { key: 'c', value: 1 },
  ]);
});

test('presence lists a user once, and a reconnect is no change within the grace time', async () => {
  const { hub, clientOf } = await serve({ onValue: ({ userId }, change) => isOwnPresence(userId, change) });
  const [one, other, viewer] = [clientOf('ada').join('t'), clientOf('ada').join('t'), clientOf('bob').join('t')];
  // the grace time passes when the test says so
  const clock = new SteppedClock();
  const view = presence<{ status: string }>(viewer, { graceMs: 1_000, clock });
  const [first, second] = [presence<{ status: string }>(one), presence<{ status: string }>(other)];
  onTestFinished(() => [view, first, second].forEach((each) => each.close()));
  const counts: number[] = [];
  view.on('change', ({ count }) => counts.push(count));
  await first.enter('ada', { status: 'here' });
  await second.enter('ada', { status: 'here' });
  await expect(second.enter('bob', { status: 'forged' })).rejects.toMatchObject({ reason: 'forbidden' });
  await expect.poll(() => [...(view.users ?? [])]).toEqual([['ada', { status: 'here' }]]);
  expect(new Map(await presence(hub.thread('t')).users())).toEqual(new Map([['ada', { status: 'here' }]]));
  for (const connection of hub.user('ada').connections) connection.close(4408, 'cut');
  await expect.poll(async () => (await presence(hub.thread('t')).users()).size).toBe(1);
  // one of two clients of the user goes: the other one is still there
  other.leave();
  await expect.poll(async () => (await presence(hub.thread('t')).users()).size).toBe(1);
  expect(counts).toEqual([1]);
  await first.leave();
  const countLater = async (): Promise<number> => {
    await clock.advance(1_000);
    return view.count;
  };
  await expect.poll(countLater).toBe(0);
  expect(counts).toEqual([1, 0]);
});

test('typing ends by itself, and with the message', async () => {
  const { clientOf } = await serve({ onValue: ({ userId }, change) => isOwnPresence(userId, change) });
  const [ada, bob] = [typing(clientOf('ada').join('t')), typing(clientOf('bob').join('t'))];
  await ada.typed('ada');
  await ada.typed('ada');
  await expect.poll(() => [...bob.users]).toEqual(['ada']);
  await ada.stopped('ada');
  await expect.poll(() => [...bob.users]).toEqual([]);
  await expect(ada.typed('bob')).rejects.toMatchObject({ reason: 'forbidden' });
});

test('receipts move forward only', async () => {
  const { hub, clientOf } = await serve({ onValue: ({ userId }, change) => isOwnPresence(userId, change) });
  const [ada, bob] = [receipts(clientOf('ada').join('t')), receipts(clientOf('bob').join('t'))];
  await ada.read('ada', 'e.5.x');
  await ada.read('ada', 'e.3.y');
  await expect.poll(() => bob.positions.get('ada')).toBe('e.5.x');
  await receipts(hub.thread('t')).read('ada', 'e.4.z');
  await receipts(hub.thread('t')).read('ada', 'e.7.z');
  await expect.poll(() => ada.positions.get('ada')).toBe('e.7.z');
  expect(await receipts(hub.thread('t')).positions()).toEqual(new Map([['ada', 'e.7.z']]));
});

test('what is no user, no position, or no thread with values, is refused with a code', async () => {
  const { hub, clientOf } = await serve({ onValue: ({ userId }, change) => isOwnPresence(userId, change) });
  const refusal = { code: 'TC_INVALID_OPTION' };
  const thread = clientOf('ada').join('t');
  const here = presence(thread);
  onTestFinished(() => here.close());
  await here.enter('ada');
  const { connection } = await new Promise<Pick<Membership, 'connection'>>((resolve) => {
    hub.on('join', resolve);
    clientOf('bob').join('t');
  });
  const junk: readonly string[] = ['', Object(7), Object([])];
  for (const userId of junk) {
    await expect(here.enter(userId)).rejects.toMatchObject(refusal);
    await expect(typing(thread).typed(userId)).rejects.toMatchObject(refusal);
    await expect(typing(thread).stopped(userId)).rejects.toMatchObject(refusal);
    await expect(receipts(thread).read(userId, 'e.1.x')).rejects.toMatchObject(refusal);
    await expect(presence(hub.thread('t')).enter(userId, 1, connection)).rejects.toMatchObject(refusal);
    await expect(presence(hub.thread('t')).leave(userId)).rejects.toMatchObject(refusal);
    await expect(receipts(hub.thread('t')).read(userId, 'e.1.x')).rejects.toMatchObject(refusal);
  }
  for (const end of [receipts(thread), receipts(hub.thread('t'))])
    await expect(end.read('ada', 'junk')).rejects.toMatchObject(refusal);
  // what was refused has not taken the place of what was not
  await here.leave();
  await expect.poll(async () => (await presence(hub.thread('t')).users()).size).toBe(0);
  const without = { values: undefined };
  for (const use of [() => presence(without), () => typing(without), () => receipts(without)])
    expect(use).toThrow(expect.objectContaining(refusal));
});
