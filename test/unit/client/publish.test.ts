import { expect, test } from 'vitest';
import { fakeNetwork, rejectionOf } from './fake-network.ts';

test('hands a message to the open socket', async () => {
  const { client, socket } = fakeNetwork();
  socket.open();
  expect(await client.publish('t1', { a: 1 })).toEqual({ id: 'id-1' });
  expect(await client.publish('t1', null, { id: 'mine' })).toEqual({ id: 'mine' });
  expect(socket.sent).toEqual([
    { t: 'pub', th: 't1', id: 'id-1', d: { a: 1 } },
    { t: 'pub', th: 't1', id: 'mine', d: null },
  ]);
});

test('ids are made where none are given', async () => {
  const network = fakeNetwork({ newId: undefined } as object);
  network.socket.open();
  const { id } = await network.client.publish('t1', 1);
  expect(id).toMatch(/^[\w.:-]{4,128}$/);
  expect((await network.client.publish('t1', 1)).id).not.toBe(id);
});

test('waits in order for the connection, after the joins', async () => {
  const { client, socket } = fakeNetwork();
  const published = Promise.all([client.publish('t1', 1), client.publish('t1', 2)]);
  client.join('t1');
  socket.open();
  await published;
  expect(socket.sent.map(({ t, d }) => [t, d])).toEqual([
    ['join', undefined],
    ['pub', 1],
    ['pub', 2],
  ]);
});

test('a socket that is closing takes nothing: the next one does', async () => {
  const network = fakeNetwork();
  network.socket.open().readyState = 2;
  const published = network.client.publish('t1', 1);
  network.socket.lose();
  await network.clock.advance(500);
  network.socket.open();
  await published;
  expect(network.socket.sent).toHaveLength(1);
});

test('a full queue refuses', async () => {
  const { client, socket } = fakeNetwork({ maxQueued: 2 });
  const waiting = [client.publish('t1', 1), client.publish('t1', 2)];
  await expect(client.publish('t1', 3)).rejects.toMatchObject({ code: 'TC_PUBLISH_QUEUE_FULL', limit: 2 });
  socket.open();
  await Promise.all(waiting);
  expect(socket.sent).toHaveLength(2);
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
  await expect(client.publish('t1', 1n)).rejects.toMatchObject({ cause: expect.any(TypeError) });
  await expect(client.publish('no spaces', 1)).rejects.toMatchObject({ code: 'TC_INVALID_OPTION' });
  await expect(client.publish('t1', 1, { id: 'ä' })).rejects.toMatchObject({ code: 'TC_INVALID_OPTION', option: 'id' });
});

test("what is above the server's limit is refused here, where it would cost the connection there", async () => {
  const { client, socket } = fakeNetwork();
  socket.open().say({ t: 'hello', sid: 's', pingMs: 1_000, limits: { maxBytes: 60 } });
  const overhead = '{"t":"pub","th":"t1","id":"i","d":""}'.length;
  await client.publish('t1', 'x'.repeat(60 - overhead), { id: 'i' });
  await expect(client.publish('t1', 'ä'.repeat(12), { id: 'i' })).rejects.toMatchObject({
    code: 'TC_MESSAGE_TOO_LARGE',
    bytes: overhead + 24,
    limit: 60,
  });
  expect(socket.sent).toHaveLength(1);
});
