import { expect, test, vi } from 'vitest';
import type { Gap, Message } from '../../src/client/index.ts';
import { fakeNetwork, joined, msg, rejectionOf, turn, type FakeSocket } from './fake-network.ts';

/** A thread that has been joined at the start of an epoch, with what it has received. */
function joinedThread(options: Parameters<typeof fakeNetwork>[0] = {}) {
  const network = fakeNetwork(options);
  const thread = network.client.join('t1');
  const received: Message[] = [];
  const gaps: Gap[] = [];
  thread.on('message', (message) => received.push(message));
  thread.on('gap', (gap) => gaps.push(gap));
  network.socket.open().say(joined('t1', 'e1.0.'));
  const reconnect = async (): Promise<FakeSocket> => {
    network.socket.lose();
    await network.clock.advance(20_000);
    return network.socket.open();
  };
  return { network, socket: network.socket, thread, received, gaps, reconnect };
}

const ids = (messages: readonly Message[]) => messages.map(({ id }) => id);

test('joins when open, and gives messages with their positions', () => {
  const { socket, thread, received } = joinedThread();
  expect(socket.sent).toEqual([{ t: 'join', th: 't1', parts: true }]);
  expect(thread.position).toBe('e1.0.');
  socket.say(msg('t1', 1), msg('t1', 3), msg('other', 9));
  expect(received).toEqual([
    { id: 'm1', offset: 1, data: { n: 1 }, position: 'e1.1.m1', ahead: false, at: expect.any(Number) },
    { id: 'm3', offset: 3, data: { n: 3 }, position: 'e1.3.m3', ahead: false, at: expect.any(Number) },
  ]);
  expect(thread.position).toBe('e1.3.m3');
});

test('joins at once when the connection is open', async () => {
  const { network, socket } = joinedThread();
  const other = network.client.join('t2', { from: 'e9.7.x' });
  await turn();
  expect(socket.sent.at(-1)).toEqual({ t: 'join', th: 't2', parts: true, from: 'e9.7.x' });
  expect(other.position).toBe('e9.7.x');
});

test("from: 'start' is asked again until the server has answered", async () => {
  const network = fakeNetwork();
  network.client.join('t1', { from: 'start' });
  network.socket.open().lose();
  await network.clock.advance(500);
  network.socket.open();
  expect(network.socket.sent).toEqual([{ t: 'join', th: 't1', parts: true, from: 'start' }]);
  network.socket.say(joined('t1', 'e1.4.')).lose();
  await network.clock.advance(20_000);
  network.socket.open();
  expect(network.socket.sent).toEqual([{ t: 'join', th: 't1', parts: true, from: 'e1.4.' }]);
});

test('every reconnect resumes every thread from its position', async () => {
  const { network, socket, reconnect } = joinedThread();
  network.client.join('t2');
  socket.say(joined('t2', 'e2.5.m5'), msg('t1', 1), msg('t1', 2), msg('t2', 6));
  const next = await reconnect();
  expect(next.sent).toEqual([
    { t: 'join', th: 't1', parts: true, from: 'e1.2.m2' },
    { t: 'join', th: 't2', parts: true, from: 'e2.6.m6' },
  ]);
});

test('drops what it has, by offset and by id', async () => {
  const { socket, thread, received, reconnect } = joinedThread();
  socket.say(msg('t1', 1), msg('t1', 5, { ahead: true }), msg('t1', 2), msg('t1', 2), msg('t1', 1));
  expect(ids(received)).toEqual(['m1', 'm5', 'm2']);
  expect(received[1]).toMatchObject({ ahead: true, position: 'e1.1.m1' });
  expect(thread.position).toBe('e1.2.m2');
  const next = await reconnect();
  next.say(
    joined('t1', 'e1.2.m2', 4),
    msg('t1', 5, { ahead: true }),
    msg('t1', 3),
    msg('t1', 4),
    msg('t1', 5),
    msg('t1', 6),
  );
  expect(ids(received)).toEqual(['m1', 'm5', 'm2', 'm3', 'm4', 'm6']);
  expect(thread.position).toBe('e1.6.m6');
});

test('a volatile message has no offset and moves nothing', () => {
  const { socket, thread, received } = joinedThread();
  socket.say({ t: 'msg', th: 't1', id: 'v', d: 1 });
  expect(received).toEqual([
    { id: 'v', offset: undefined, data: 1, position: 'e1.0.', ahead: false, at: expect.any(Number) },
  ]);
  expect(thread.position).toBe('e1.0.');
});

test('a gap moves the position', () => {
  const { socket, thread, received, gaps } = joinedThread();
  socket.say(msg('t1', 1), { t: 'gap', th: 't1', why: 'trimmed', pos: 'e1.7.' }, msg('t1', 7), msg('t1', 8));
  expect(gaps).toEqual([{ why: 'trimmed', position: 'e1.7.' }]);
  expect(ids(received)).toEqual(['m1', 'm8']);
  expect(thread.position).toBe('e1.8.m8');
});

test('a gap into another epoch starts offsets anew', async () => {
  const { socket, received, gaps, reconnect } = joinedThread();
  socket.say(msg('t1', 1), msg('t1', 9, { ahead: true }));
  const next = await reconnect();
  next.say(joined('t1', 'e2.0.', 1), { t: 'gap', th: 't1', why: 'epoch', pos: 'e2.0.' });
  next.say(msg('t1', 1, { id: 'm9' }));
  expect(gaps).toEqual([{ why: 'epoch', position: 'e2.0.' }]);
  expect(ids(received)).toEqual(['m1', 'm9', 'm9']);
});

test('a line that is cut between joined and its gap does not hide the gap', async () => {
  const { socket, gaps, reconnect } = joinedThread();
  socket.say(msg('t1', 1));
  (await reconnect()).say(joined('t1', 'e1.50.'));
  const next = await reconnect();
  expect(next.sent).toEqual([{ t: 'join', th: 't1', parts: true, from: 'e1.1.m1' }]);
  expect(gaps).toEqual([]);
});

test('a server that starts elsewhere without a word is found out', async () => {
  const { socket, gaps, received, reconnect } = joinedThread();
  socket.say(msg('t1', 1));
  (await reconnect()).say(joined('t1', 'e1.50.'), msg('t1', 51));
  (await reconnect()).say(joined('t1', 'e2.0.'), msg('t1', 1, { id: 'new' }));
  expect(gaps).toEqual([
    { why: 'trimmed', position: 'e1.50.' },
    { why: 'epoch', position: 'e2.0.' },
  ]);
  expect(ids(received)).toEqual(['m1', 'm51', 'new']);
});

test('a thread that is left says so, and what is still under way is not for its successor', async () => {
  const { network, socket, thread, received } = joinedThread();
  thread.leave();
  thread.leave();
  expect(socket.sent.slice(1)).toEqual([{ t: 'leave', th: 't1' }]);
  const again = network.client.join('t1');
  const second: string[] = [];
  again.on('message', ({ id }) => second.push(id));
  await turn();
  socket.say(msg('t1', 1), joined('t1', 'e1.1.m1'), msg('t1', 2));
  expect([ids(received), second]).toEqual([[], ['m2']]);
  again.leave();
  network.socket.lose();
  await network.clock.advance(500);
  expect(network.socket.open().sent).toEqual([]);
});

test('the answers to joins of a thread that was left are not its successor’s', async () => {
  const network = fakeNetwork();
  const { client, socket, errors } = network;
  socket.open();
  for (let i = 0; i < 2; i++) {
    const left = client.join('t1');
    await turn();
    left.leave();
  }
  const thread = client.join('t1', { from: 'start' });
  await turn();
  const received: string[] = [];
  thread.on('message', ({ id }) => received.push(id));
  const [first, second, third] = socket.refs;
  socket.say({ ...joined('t1', 'e.7.m7'), ref: first }, msg('t1', 8));
  socket.say({ t: 'err', code: 'forbidden', th: 't1', ref: second });
  socket.say({ ...joined('t1', 'e.0.'), ref: third }, msg('t1', 7), msg('t1', 8));
  expect([received, thread.position, errors]).toEqual([['m7', 'm8'], 'e.8.m8', []]);
});

test('a client that asks for what is new takes it from the application’s join on, and its own makes no gap', async () => {
  const { client, socket, errors } = fakeNetwork();
  socket.open();
  const thread = client.join('t1');
  const received: string[] = [];
  const gaps: unknown[] = [];
  thread.on('message', ({ id }) => received.push(id));
  thread.on('gap', (gap) => gaps.push(gap));
  await turn();
  socket.say({ ...joined('t1', 'e.7.m7'), ref: undefined }, msg('t1', 8));
  // 9 was superseded before its turn came
  socket.say(joined('t1', 'e.9.m9'), msg('t1', 10));
  expect([received, gaps, errors, thread.position]).toEqual([['m8', 'm10'], [], [], 'e.10.m10']);
  // the application has taken it out and let it in again: what it missed there is told
  socket.say({ ...joined('t1', 'e.15.m15'), ref: undefined }, msg('t1', 16));
  expect([received.at(-1), gaps]).toEqual(['m16', [{ why: 'trimmed', position: 'e.15.m15' }]]);
});

test('an application that takes a client out and lets it in again does not hide what it missed', async () => {
  const { socket, gaps, received, reconnect } = joinedThread();
  socket.say(msg('t1', 1));
  const next = await reconnect();
  next.say(joined('t1', 'e1.1.m1'), msg('t1', 2));
  next.say({ ...joined('t1', 'e1.9.m9'), ref: undefined }, msg('t1', 10));
  expect([ids(received), gaps]).toEqual([['m1', 'm2', 'm10'], [{ why: 'trimmed', position: 'e1.9.m9' }]]);
});

test('where it asks for more, a join of the application is not the answer to its own', async () => {
  const { client, socket, errors } = fakeNetwork();
  socket.open();
  const thread = client.join('t1', { from: 'start' });
  const received: string[] = [];
  thread.on('message', ({ id }) => received.push(id));
  await turn();
  socket.say({ ...joined('t1', 'e.7.m7'), ref: undefined }, msg('t1', 8));
  socket.say(joined('t1', 'e.0.'), msg('t1', 7), msg('t1', 8));
  expect([received, errors]).toEqual([['m7', 'm8'], []]);
});

test('a refusal of something else while it joins is not one of the join', async () => {
  const { client, socket, errors } = fakeNetwork();
  socket.open();
  const thread = client.join('t1');
  socket.say({ t: 'err', code: 'forbidden', th: 't1' }, joined('t1', 'e.0.'));
  expect(errors).toMatchObject([{ code: 'TC_SERVER_ERROR', reason: 'forbidden', threadId: 't1' }]);
  expect(thread.position).toBe('e.0.');
});

test('a refused join ends the thread', async () => {
  const network = fakeNetwork();
  const thread = network.client.join('t1');
  const reading = rejectionOf(thread[Symbol.asyncIterator]().next());
  const onError = vi.fn();
  thread.on('error', onError);
  network.socket.open().refuse('t1', 'forbidden');
  expect(await reading).toMatchObject({ code: 'TC_JOIN_REFUSED', threadId: 't1' });
  expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ threadId: 't1', reason: 'forbidden' }));
  expect(network.errors).toEqual([]);
  await expect(thread[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'TC_JOIN_REFUSED' });
  network.socket.lose();
  await network.clock.advance(500);
  expect(network.socket.open().sent).toEqual([]);
});

test('a refusal that nobody listens to is an error of the client', () => {
  const network = fakeNetwork();
  network.client.join('t1');
  network.socket.open().refuse('t1', 'forbidden').say({ t: 'err', code: 'internal' });
  expect(network.errors).toMatchObject([
    { code: 'TC_JOIN_REFUSED', threadId: 't1' },
    { code: 'TC_SERVER_ERROR', reason: 'internal', threadId: undefined },
  ]);
});

test('a join that failed for another reason is tried again', async () => {
  const network = fakeNetwork();
  const thread = network.client.join('t1');
  const onJoined = vi.fn();
  thread.on('joined', onJoined);
  network.socket.open().refuse('t1', 'internal');
  expect(network.errors).toMatchObject([{ code: 'TC_JOIN_REFUSED', reason: 'internal' }]);
  await network.clock.advance(500);
  expect(network.socket.sentOf('join')).toHaveLength(2);
  network.socket.say(joined('t1', 'e1.3.', 0));
  expect(onJoined).toHaveBeenCalledExactlyOnceWith({ position: 'e1.3.', recovered: 0 });
  await network.clock.advance(60_000);
  expect(network.socket.sentOf('join')).toHaveLength(2);
});

test('a reconnect takes the place of the next attempt to join', async () => {
  const network = fakeNetwork();
  network.client.join('t1');
  network.socket.open().refuse('t1', 'internal');
  await network.clock.advance(400);
  network.socket.lose();
  await network.clock.advance(500);
  network.socket.open();
  await network.clock.advance(20_000);
  expect(network.socket.sentOf('join')).toHaveLength(1);
});

test('an error in a joined thread changes nothing', () => {
  const { network, socket, received } = joinedThread();
  socket.say({ t: 'err', code: 'internal', th: 't1' }, msg('t1', 1));
  expect(network.errors).toMatchObject([{ code: 'TC_SERVER_ERROR', threadId: 't1' }]);
  expect(received).toHaveLength(1);
});

test('a listener that throws does not take the message from the others', () => {
  const { network, socket, thread, received } = joinedThread();
  const off = thread.on('message', () => {
    throw new Error('mine');
  });
  const last = vi.fn();
  thread.on('message', last);
  socket.say(msg('t1', 1));
  off();
  socket.say(msg('t1', 2));
  expect(network.errors).toEqual([new Error('mine')]);
  expect([received.length, last.mock.calls.length]).toEqual([2, 2]);
});

test('a listener may leave', () => {
  const { socket, thread, received } = joinedThread();
  thread.on('message', () => thread.leave());
  socket.say(msg('t1', 1), msg('t1', 2));
  expect(ids(received)).toEqual(['m1']);
});

test('onGap is a listener', async () => {
  const network = fakeNetwork();
  const onGap = vi.fn();
  network.client.join('t1', { onGap });
  network.socket.open().say(joined('t1', 'e1.0.'), { t: 'gap', th: 't1', why: 'trimmed', pos: 'e1.7.' });
  expect(onGap).toHaveBeenCalledExactlyOnceWith({ why: 'trimmed', position: 'e1.7.' });
});

test('bad arguments are refused', () => {
  const { client } = fakeNetwork();
  for (const id of ['', 'x'.repeat(257), '部'.repeat(86), 'a\nb', 'a\ud800', '~user:ada']) {
    expect(() => client.join(id)).toThrow(
      expect.objectContaining({ code: 'TC_INVALID_THREAD_ID', name: 'TC_INVALID_THREAD_ID', threadId: id }),
    );
  }
  for (const id of ['room/1', 'ada@example.org', '部屋', '🙂'.repeat(64)]) expect(client.join(id).id).toBe(id);
  expect(() => client.join('t1', { from: 'nowhere' })).toThrow(expect.objectContaining({ option: 'from' }));
  client.close();
  expect(() => client.join('t1')).toThrow(expect.objectContaining({ code: 'TC_CLIENT_CLOSED' }));
});

// --- acknowledgements

test('acknowledges after a second, once for all', async () => {
  const { network, socket } = joinedThread();
  socket.say(msg('t1', 1), msg('t1', 2));
  await network.clock.advance(999);
  socket.say(msg('t1', 3), msg('t1', 9, { ahead: true }));
  expect(socket.sentOf('ack')).toEqual([]);
  await network.clock.advance(1);
  expect(socket.sentOf('ack')).toEqual([{ t: 'ack', th: 't1', o: 3 }]);
  await network.clock.advance(10_000);
  expect(socket.sentOf('ack')).toHaveLength(1);
});

test('acknowledges once a second', async () => {
  const { network, socket } = joinedThread();
  for (let o = 1; o <= 70; o++) socket.say(msg('t1', o));
  expect(socket.sentOf('ack')).toEqual([]);
  await network.clock.advance(1_000);
  expect(socket.sentOf('ack')).toEqual([{ t: 'ack', th: 't1', o: 70 }]);
});

test('a lost connection takes its acknowledgement with it', async () => {
  const { socket, reconnect, network } = joinedThread();
  socket.say(msg('t1', 1));
  const next = await reconnect();
  await network.clock.advance(5_000);
  expect(next.sent).toEqual([{ t: 'join', th: 't1', parts: true, from: 'e1.1.m1' }]);
});
