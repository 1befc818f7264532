import { expect, test } from 'vitest';
import type { Message } from '../../src/client/index.ts';
import { allOf, fakeNetwork, joined, LISTS, msg, turn } from './fake-network.ts';

const byServer = (th: string, pos: string) => ({ ...joined(th, pos), ref: undefined });

test('what is sent to the connection and to its user comes to the inbox, by event and iteration', async () => {
  const { client, socket } = fakeNetwork();
  const ids: string[] = [];
  client.inbox.on('message', ({ id }) => ids.push(id));
  const iterator = client.inbox[Symbol.asyncIterator]();
  socket.open(LISTS).say(byServer('~connection:c', 'e.0.'), msg('~connection:c', 1, { id: 'c1' }));
  socket.say(byServer('~user:ada', 'e.4.'), msg('~user:ada', 5, { id: 'u5' }));
  expect(ids).toEqual(['c1', 'u5']);
  expect([(await iterator.next()).value, (await iterator.next()).value]).toMatchObject([{ id: 'c1' }, { id: 'u5' }]);
});

test('a reader that comes late gets what has come', async () => {
  const { client, socket } = fakeNetwork();
  socket.open(LISTS).say(byServer('~user:ada', 'e.4.'), msg('~user:ada', 5), msg('~user:ada', 6));
  const taken: Message[] = [];
  for await (const message of client.inbox) {
    taken.push(message);
    if (taken.length === 2) break;
  }
  expect(taken.map(({ id }) => id)).toEqual(['m5', 'm6']);
});

test('who reads is asked for before the first message, and resumes after a reconnect', async () => {
  const network = fakeNetwork();
  const ids: string[] = [];
  network.client.inbox.on('message', ({ id }) => ids.push(id));
  network.socket.open(LISTS);
  await turn();
  expect(network.socket.sent).toEqual([{ t: 'inbox', parts: true }]);
  network.socket.say({ ...joined('~user:ada', 'e.4.'), ref: network.socket.refs[0] }, msg('~user:ada', 5));
  network.socket.say(byServer('~connection:c', 'e.0.'), msg('~connection:c', 1, { id: 'c1' })).lose();
  await network.clock.advance(500);
  network.socket.open(LISTS);
  await turn();
  expect(network.socket.sent).toEqual([{ t: 'inbox', from: 'e.5.m5', parts: true }]);
  // the server joins by itself, and then answers
  network.socket.say(byServer('~user:ada', 'e.7.m7'), msg('~user:ada', 8));
  network.socket.say({ ...joined('~user:ada', 'e.5.m5', 3), ref: network.socket.refs[0] });
  for (const o of [6, 7, 8]) network.socket.say(msg('~user:ada', o));
  network.socket.say(byServer('~connection:d', 'e.0.'), msg('~connection:d', 1, { id: 'd1' }));
  expect(ids).toEqual(['m5', 'c1', 'm6', 'm7', 'm8', 'd1']);
});

test('an old server is not asked, and a connection without a user is none', async () => {
  const network = fakeNetwork();
  network.client.inbox.on('message', () => {});
  network.socket.open();
  await turn();
  expect(network.socket.sent).toEqual([]);
  network.socket.lose();
  await network.clock.advance(500);
  network.socket.open(LISTS);
  await turn();
  network.socket.say({ t: 'err', code: 'forbidden', ref: network.socket.refs[0] });
  expect(network.errors).toEqual([]);
});

test('an inbox that is not read holds a bounded number, asks again for the user’s and gives up the connection’s oldest', async () => {
  const network = fakeNetwork({ maxBuffered: 4 });
  const { client, socket } = network;
  const gaps: unknown[] = [];
  client.inbox.on('gap', ({ why }) => gaps.push(why));
  socket.open(LISTS).say(byServer('~user:ada', 'e.0.'));
  for (let o = 1; o <= 20; o++) socket.say(msg('~user:ada', o));
  expect([socket.sent, gaps]).toEqual([[], []]);
  const ids: string[] = [];
  client.inbox.on('message', ({ id }) => ids.push(id));
  await turn();
  await turn();
  expect(socket.sent).toEqual([{ t: 'inbox', from: 'e.4.m4', parts: true }]);
  socket.say({ ...joined('~user:ada', 'e.4.m4', 16), ref: socket.refs[0] });
  for (let o = 5; o <= 20; o++) socket.say(msg('~user:ada', o));
  expect(ids).toHaveLength(20);
});

test('the inbox ends with the client', async () => {
  const { client, socket } = fakeNetwork();
  socket.open(LISTS);
  const read = allOf(client.inbox);
  client.close();
  expect(await read).toEqual([]);
});

test('the page after this one resumes the inbox where it stood, without a reader, too', async () => {
  const first = fakeNetwork();
  expect(first.client.inbox.position).toBeUndefined();
  first.socket.open(LISTS).say(byServer('~user:ada', 'e.4.'), msg('~user:ada', 5));
  first.socket.say(byServer('~connection:c', 'f.9.'), msg('~connection:c', 10));
  const from = first.client.inbox.position;
  expect(from).toBe('e.5.m5');
  const { client, socket } = fakeNetwork({ inbox: { from } });
  socket.open(LISTS);
  expect(socket.sent).toEqual([{ t: 'inbox', from: 'e.5.m5', parts: true }]);
  // the server joins by itself at what is new, and then answers
  socket.say(byServer('~user:ada', 'e.7.m7'), msg('~user:ada', 8));
  socket.say({ ...joined('~user:ada', 'e.5.m5', 3), ref: socket.refs[0] });
  for (const o of [6, 7, 8]) socket.say(msg('~user:ada', o));
  const ids: string[] = [];
  client.inbox.on('message', ({ id }) => ids.push(id));
  await turn();
  expect([ids, client.inbox.position]).toEqual([['m6', 'm7', 'm8'], 'e.8.m8']);
});

test('another user, after a reconnect with another token, has an inbox of its own', async () => {
  const network = fakeNetwork();
  const ids: string[] = [];
  network.client.inbox.on('message', ({ id }) => ids.push(id));
  network.socket.open(LISTS).say({ ...joined('~user:ada', 'e.4.'), ref: 1 }, msg('~user:ada', 5));
  network.socket.lose();
  await network.clock.advance(500);
  network.socket.open(LISTS).say(byServer('~user:bob', 'b.1.'), msg('~user:bob', 2, { id: 'b2' }));
  network.socket.say(msg('~user:ada', 6));
  expect([ids, network.client.inbox.position]).toEqual([['m5', 'b2'], 'b.2.b2']);
});

test('a question that failed is asked again, one that is refused is not', async () => {
  const network = fakeNetwork();
  network.client.inbox.on('message', () => {});
  const socket = network.socket.open(LISTS);
  socket.say({ t: 'err', code: 'internal', ref: socket.refs[0] });
  await network.clock.advance(500);
  expect(socket.sentOf('inbox')).toHaveLength(2);
  socket.say({ t: 'err', code: 'forbidden', ref: socket.refs[1] });
  await network.clock.advance(60_000);
  expect(socket.sentOf('inbox')).toHaveLength(2);
});
