import { expect, test } from 'vitest';
import { fakeNetwork, rejectionOf, turn, type FakeSocket } from './fake-network.ts';

const ok = (id: string, pos?: string) => ({ t: 'ok', th: 't1', id, pos });

/** The server accepts whatever is published, once each frame. */
function accepting(socket: FakeSocket): FakeSocket {
  let offset = 0;
  socket.onSend = ({ t, id }) => {
    if (t === 'pub') socket.say(ok(String(id), `e.${++offset}.${String(id)}`));
  };
  return socket;
}

test('resolves with what the server answers', async () => {
  const { client, socket } = fakeNetwork();
  accepting(socket).open();
  expect(await client.publish('t1', { a: 1 })).toEqual({ id: 'id-1', messageId: 'id-1', position: 'e.1.id-1' });
  expect(await client.publish('t1', null, { id: 'mine' })).toEqual({
    id: 'mine',
    messageId: 'mine',
    position: 'e.2.mine',
  });
  expect(socket.sent).toEqual([
    { t: 'pub', th: 't1', id: 'id-1', d: { a: 1 } },
    { t: 'pub', th: 't1', id: 'mine', d: null },
  ]);
});

test('not before that, and answers may come in any order', async () => {
  const { client, socket } = fakeNetwork();
  socket.open();
  const settled: string[] = [];
  const first = client.publish('t1', 1).then(() => settled.push('first'));
  const second = client.publish('t1', 2).then(() => settled.push('second'));
  await Promise.resolve();
  socket.say(ok('id-2'));
  await second;
  expect(settled).toEqual(['second']);
  socket.say(ok('id-1'), ok('id-1'), ok('unheard-of'));
  await first;
});

test('a refusal rejects, with the server’s word and the application’s', async () => {
  const { client, socket, errors } = fakeNetwork();
  socket.open();
  const refused = [1, 2, 3, 4].map((data) => rejectionOf(client.publish('t1', data)));
  socket.say({ t: 'err', code: 'forbidden', th: 't1', id: 'id-1', why: 'muted' });
  socket.say({ t: 'err', code: 'TC_MESSAGE_TOO_LARGE', th: 't1', id: 'id-2' });
  socket.say({ t: 'err', code: 'invalid', th: 't1', id: 'id-3', why: 'a.b: short', paths: ['a.b', 7, ''] });
  socket.say({ t: 'err', code: 'invalid', th: 't1', id: 'id-4', paths: 'a' });
  expect(await Promise.all(refused)).toMatchObject([
    { code: 'TC_PUBLISH_REFUSED', threadId: 't1', id: 'id-1', reason: 'forbidden', detail: 'muted' },
    { code: 'TC_PUBLISH_REFUSED', id: 'id-2', reason: 'TC_MESSAGE_TOO_LARGE', detail: undefined, paths: [] },
    { code: 'TC_PUBLISH_REFUSED', id: 'id-3', reason: 'invalid', detail: 'a.b: short', paths: ['a.b', ''] },
    { code: 'TC_PUBLISH_REFUSED', id: 'id-4', reason: 'invalid', paths: [] },
  ]);
  expect(errors).toEqual([]);
});

test('ids are made where none are given', async () => {
  const network = fakeNetwork({ newId: undefined });
  accepting(network.socket).open();
  const { id } = await network.client.publish('t1', 1);
  expect(id).toMatch(/^[\w.:-]{4,128}$/);
  expect((await network.client.publish('t1', 1)).id).not.toBe(id);
});

test('waits in order for the connection, after the joins', async () => {
  const { client, socket } = fakeNetwork();
  const published = Promise.all([client.publish('t1', 1), client.publish('t1', 2)]);
  client.join('t1');
  accepting(socket).open();
  await published;
  expect(socket.sent.map(({ t, d }) => [t, d])).toEqual([
    ['join', undefined],
    ['pub', 1],
    ['pub', 2],
  ]);
});

test('what was not answered is sent again on the next connection, in order and before what is new, and nothing else', async () => {
  const network = fakeNetwork();
  accepting(network.socket).open();
  await network.client.publish('t1', 'answered');
  network.socket.onSend = () => {};
  const published = [network.client.publish('t1', 1), network.client.publish('t1', 2)];
  network.socket.lose();
  published.push(network.client.publish('t1', 3));
  await network.clock.advance(500);
  accepting(network.socket).open();
  expect((await Promise.all(published)).map(({ position }) => position)).toEqual(['e.1.id-2', 'e.2.id-3', 'e.3.id-4']);
  expect(network.socket.sent.map(({ id, d }) => [id, d])).toEqual([
    ['id-2', 1],
    ['id-3', 2],
    ['id-4', 3],
  ]);
});

test('the same id while it waits is the same message', async () => {
  const { client, socket } = fakeNetwork({ maxQueued: 1 });
  socket.open();
  const published = [client.publish('t1', 1, { id: 'a' }), client.publish('t1', 1, { id: 'a' })];
  socket.say(ok('a', 'e.1.a'));
  expect(await Promise.all(published)).toEqual([
    { id: 'a', messageId: 'a', position: 'e.1.a' },
    { id: 'a', messageId: 'a', position: 'e.1.a' },
  ]);
  expect(socket.sent).toHaveLength(1);
});

test('a socket that is closing takes nothing: the next one does', async () => {
  const network = fakeNetwork();
  network.socket.open().readyState = 2;
  const published = network.client.publish('t1', 1);
  network.socket.lose();
  await network.clock.advance(500);
  accepting(network.socket).open();
  await published;
  expect(network.socket.sent).toHaveLength(1);
});

test('too many without an answer are refused', async () => {
  const { client, socket } = fakeNetwork({ maxQueued: 2 });
  const waiting = [client.publish('t1', 1), client.publish('t1', 2)];
  await expect(client.publish('t1', 3)).rejects.toMatchObject({ code: 'TC_PUBLISH_QUEUE_FULL', limit: 2 });
  socket.open();
  expect(socket.sent).toHaveLength(2);
  await expect(client.publish('t1', 3)).rejects.toMatchObject({ code: 'TC_PUBLISH_QUEUE_FULL' });
  socket.say(ok('id-1'), ok('id-2'));
  await Promise.all(waiting);
  accepting(socket);
  await client.publish('t1', 3);
});

test.each(['close', 'refusal'])('the end (%s) rejects what waits, and what comes', async (way) => {
  const { client, socket } = fakeNetwork();
  const waiting = rejectionOf(client.publish('t1', 1));
  if (way === 'close') client.close();
  else socket.lose(4401);
  expect(await waiting).toMatchObject({ code: 'TC_CLIENT_CLOSED' });
  await expect(client.publish('t1', 1)).rejects.toMatchObject({ code: 'TC_CLIENT_CLOSED' });
});

test('what JSON cannot express is refused', async () => {
  const { client } = fakeNetwork();
  await expect(client.publish('t1', undefined)).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
  // as JSON they would be an object of numbers: `threadcast/bytes` publishes them
  await expect(client.publish('t1', new Uint8Array(3))).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
  await expect(client.publish('t1', 1n)).rejects.toMatchObject({ cause: expect.any(TypeError) });
  await expect(client.publish('a\nb', 1)).rejects.toMatchObject({ code: 'TC_INVALID_THREAD_ID' });
  await expect(client.publish('t1', 1, { id: 'ä' })).rejects.toMatchObject({ code: 'TC_INVALID_OPTION', option: 'id' });
});

test("what is above the server's limit is refused here, where it would cost the connection there", async () => {
  const { client, socket } = fakeNetwork();
  accepting(socket).open({ t: 'hello', sid: 's', pingMs: 1_000, limits: { maxBytes: 60 } });
  const overhead = '{"t":"pub","th":"t1","id":"i","d":""}'.length;
  await client.publish('t1', 'x'.repeat(60 - overhead), { id: 'i' });
  await expect(client.publish('t1', 'ä'.repeat(12), { id: 'i' })).rejects.toMatchObject({
    code: 'TC_MESSAGE_TOO_LARGE',
    bytes: overhead + 24,
    limit: 60,
  });
  expect(socket.sent).toHaveLength(1);
});

test('nothing is sent before the server has told its limit: what waited and is too big is refused, the rest goes', async () => {
  const { client, socket } = fakeNetwork();
  const big = rejectionOf(client.publish('t1', 'x'.repeat(100)));
  const small = client.publish('t1', 1);
  accepting(socket).upgrade();
  expect(socket.sent).toEqual([]);
  socket.say({ t: 'hello', sid: 's', limits: { maxBytes: 60 } });
  expect(await big).toMatchObject({ code: 'TC_MESSAGE_TOO_LARGE', limit: 60 });
  expect(await small).toMatchObject({ id: 'id-2' });
});

test('without an answer in time it is rejected and not sent again; with the same id it is the same message', async () => {
  const network = fakeNetwork({ publishTimeoutMs: 5_000 });
  const { client, clock } = network;
  network.socket.open();
  const unanswered = rejectionOf(client.publish('t1', 1, { id: 'a' }));
  const sooner = rejectionOf(client.publish('t1', 2, { timeoutMs: 100 }));
  await clock.advance(100);
  expect(await sooner).toMatchObject({ code: 'TC_PUBLISH_TIMEOUT', threadId: 't1', id: 'id-1', timeoutMs: 100 });
  await clock.advance(4_900);
  expect(await unanswered).toMatchObject({ code: 'TC_PUBLISH_TIMEOUT', id: 'a', timeoutMs: 5_000 });
  // too late for the one that is rejected
  network.socket.say(ok('a', 'e.1.a')).lose();
  await clock.advance(500);
  accepting(network.socket).open();
  expect(network.socket.sent).toEqual([]);
  expect(await client.publish('t1', 1, { id: 'a' })).toEqual({ id: 'a', messageId: 'a', position: 'e.1.a' });
  client.close();
  expect(clock.pending).toBe(0);
  await expect(fakeNetwork().client.publish('t1', 1, { timeoutMs: 0 })).rejects.toMatchObject({
    code: 'TC_INVALID_OPTION',
    option: 'timeoutMs',
  });
});

test('no more waits on the server than it lets wait: the rest follows the answers, in order', async () => {
  const { client, socket } = fakeNetwork();
  const published = Array.from({ length: 40 }, (_, n) => client.publish('t1', 'x'.repeat(900), { id: `m${n}` }));
  const small = client.publish('t1', 1, { id: 'small' });
  socket.open({ t: 'hello', sid: 's', limits: { maxBytes: 1_000 } });
  const sent = (): unknown[] => socket.sent.map(({ id }) => id);
  expect(sent()).toEqual(['m0', 'm1', 'm2', 'm3']);
  socket.say(ok('m1'));
  expect(sent()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
  for (let n = 0; n < 40; n++) socket.say(ok(`m${n}`));
  await Promise.all(published);
  socket.say(ok('small'));
  await small;
  expect(sent()).toEqual([...Array.from({ length: 40 }, (_, n) => `m${n}`), 'small']);
});

test('a volatile message is dropped while there is no connection, and never sent again', async () => {
  const network = fakeNetwork();
  const { client, errors } = network;
  expect(await client.publish('t1', 1, { volatile: true })).toBeUndefined();
  network.socket.upgrade();
  // the server may have a limit that it breaks
  expect(await client.publish('t1', 2, { volatile: true })).toBeUndefined();
  network.socket.open();
  const lost = client.publish('t1', 3, { volatile: true });
  const kept = client.publish('t1', 4, { volatile: false });
  const both = [client.publish('t1', 5, { volatile: true, id: 'same' }), client.publish('t1', 5, { id: 'same' })];
  await turn();
  expect(network.socket.sent.map(({ d }) => d)).toEqual([3, 4, 5]);
  network.socket.lose();
  expect(await lost).toBeUndefined();
  await network.clock.advance(1_000);
  const again = accepting(network.socket).open();
  expect(await kept).toMatchObject({ position: expect.any(String) });
  for (const published of both) expect(await published).toMatchObject({ id: 'same' });
  expect(again.sent.map(({ d }) => d)).toEqual([4, 5]);
  expect(errors).toEqual([]);
});

test('a volatile message is dropped where the window is full, and is answered like any other', async () => {
  const { client, socket } = fakeNetwork();
  socket.open({ t: 'hello', sid: 's', pingMs: 1_000, limits: { maxBytes: 256 } });
  for (let i = 0; i < 1_024; i++) void client.publish('t1', i);
  expect(await client.publish('t1', 'x', { volatile: true, id: 'v' })).toBeUndefined();
  for (let i = 0; i < 1_020; i++) socket.say(ok(`id-${i + 1}`));
  const published = client.publish('t1', 'fits', { volatile: true, id: 'v' });
  await turn();
  socket.say(ok('v', 'e.1.v'));
  expect(await published).toMatchObject({ id: 'v', position: 'e.1.v' });
});

test('the answer of the application comes with it', async () => {
  const { client, socket } = fakeNetwork();
  socket.open();
  const published = client.publish('t1', 1, { id: 'a' });
  await turn();
  socket.say({ ...ok('a', 'e.1.a'), d: { n: 7 } });
  expect(await published).toEqual({ id: 'a', messageId: 'a', position: 'e.1.a', data: { n: 7 } });
});
