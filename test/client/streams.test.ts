import { expect, test } from 'vitest';
import type { ClientStream, Message } from '../../src/client/index.ts';
import { fakeNetwork, joined, msg } from './fake-network.ts';

const tok = (s: string, at: number, d: string) => ({ t: 'tok', th: 't', s, at, d });

/** A client that has joined `t`, and its streams. */
function joinedClient() {
  const network = fakeNetwork();
  const thread = network.client.join('t');
  const streams: ClientStream[] = [];
  const messages: Message[] = [];
  thread.on('stream', (stream) => streams.push(stream));
  thread.on('message', (message) => messages.push(message));
  network.socket.open().say(joined('t', 'e.0.'));
  return { network, thread, streams, messages };
}

/** The first of them. */
function only([stream]: readonly ClientStream[]): ClientStream {
  if (stream === undefined) throw new Error('no stream');
  return stream;
}

/** What an iterator gives until its end. */
async function piecesOf(stream: ClientStream): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

test('a stream grows, and ends with its message', async () => {
  const { network, streams, messages } = joinedClient();
  network.socket.say(tok('s', 0, 'one '));
  const stream = only(streams);
  const pieces = piecesOf(stream);
  expect(stream).toMatchObject({ id: 's', text: 'one ' });
  await network.clock.settle();
  network.socket.say(tok('s', 4, 'two '));
  expect(stream.text).toBe('one two ');
  await network.clock.settle();
  network.socket.say(tok('s', 8, 'three'), msg('t', 1, { id: 's', d: { text: 'one two three', n: 1 } }));
  expect(await pieces).toEqual(['one ', 'two ', 'three']);
  expect(await stream.done).toBe(messages[0]);
  expect(messages).toMatchObject([{ id: 's', offset: 1, data: { n: 1 } }]);
  expect(streams).toHaveLength(1);
  // who reads late reads all of it, in one piece
  expect(await piecesOf(stream)).toEqual(['one two three']);
  expect(network.errors).toEqual([]);
});

test('what has not come before the end is in the final message', async () => {
  const { network, streams } = joinedClient();
  network.socket.say(tok('s', 0, 'one '), msg('t', 1, { id: 's', d: { text: 'one two', aborted: 'timeout' } }));
  expect(streams[0]?.text).toBe('one two');
  expect(await piecesOf(only(streams))).toEqual(['one two']);
  expect((await only(streams).done)?.data).toMatchObject({ aborted: 'timeout' });
});

test('text that it has, or that does not follow, changes nothing', () => {
  const { network, streams } = joinedClient();
  network.socket.say(tok('s', 0, 'abc'), tok('s', 0, 'abc'), tok('s', 1, 'bcd'), tok('s', 9, 'far'), tok('s', 4, ''));
  network.socket.say(tok('other', 7, 'no beginning'));
  expect(streams.map(({ id, text }) => [id, text])).toEqual([['s', 'abcd']]);
});

test('a reconnect tells what it has, and goes on there', async () => {
  const { network, streams } = joinedClient();
  expect(network.socket.sentOf('join')).toEqual([{ t: 'join', th: 't', parts: true }]);
  network.socket.say(tok('s', 0, 'abc'), tok('u', 0, 'x'));
  const pieces = piecesOf(only(streams));
  network.socket.lose();
  await network.clock.advance(500);
  network.socket.open();
  expect(network.socket.sentOf('join')).toEqual([{ t: 'join', th: 't', parts: true, from: 'e.0.', s: { s: 3, u: 1 } }]);
  // what comes before the answer belongs to nobody
  network.socket.say(tok('s', 3, '?'), joined('t', 'e.0.'), tok('s', 3, 'def'));
  network.socket.say(msg('t', 1, { id: 's', d: { text: 'abcdef' } }));
  expect((await pieces).join('')).toBe('abcdef');
  expect(streams).toHaveLength(2);
});

test('after a gap a stream that is under way begins anew', async () => {
  const { network, streams } = joinedClient();
  network.socket.say(tok('s', 0, 'abc'), { t: 'gap', th: 't', why: 'trimmed', pos: 'e.5.' }, tok('s', 0, 'abcdef'));
  expect(streams.map(({ text }) => text)).toEqual(['abc', 'abcdef']);
  expect(await only(streams).done).toBeUndefined();
  expect(await piecesOf(only(streams))).toEqual(['abc']);
});

test('leaving and closing end what is under way', async () => {
  const { network, thread, streams } = joinedClient();
  network.socket.say(tok('s', 0, 'abc'));
  thread.leave();
  expect(await only(streams).done).toBeUndefined();
  const again = joinedClient();
  again.network.socket.say(tok('s', 0, 'abc'));
  again.network.client.close();
  expect(await only(again.streams).done).toBeUndefined();
});

test('a stream that is lost ends without a message', async () => {
  const { network, streams } = joinedClient();
  network.socket.say(tok('s', 0, 'abc'), tok('u', 0, 'x'), { t: 'tok', th: 't', s: 's', lost: true });
  network.socket.say({ t: 'tok', th: 't', s: 'unknown', lost: true });
  expect(await only(streams).done).toBeUndefined();
  expect(await piecesOf(only(streams))).toEqual(['abc']);
  expect(network.errors).toEqual([]);
});

test('cancel is told to the server', () => {
  const { network, streams } = joinedClient();
  network.socket.say(tok('s', 0, 'abc'));
  const { cancel } = only(streams);
  cancel();
  expect(network.socket.sentOf('cancel')).toEqual([{ t: 'cancel', th: 't', s: 's' }]);
});

test('a cancel without a connection is told after the reconnect', async () => {
  const { network, streams } = joinedClient();
  network.socket.say(tok('s', 0, 'abc'), tok('u', 0, 'x'));
  network.socket.lose();
  only(streams).cancel();
  await network.clock.advance(500);
  network.socket.open().say(joined('t', 'e.0.'));
  expect(network.socket.sentOf('cancel')).toEqual([{ t: 'cancel', th: 't', s: 's' }]);
});

test.each([
  { t: 'tok', th: 't', s: 's', at: '0', d: 'x' },
  { t: 'tok', th: 't', s: 's', at: 0, d: 1 },
  { t: 'tok', th: 't', at: 0, d: 'x' },
  { t: 'tok', s: 's', at: 0, d: 'x' },
])('malformed: %j', (frame) => {
  const { network, streams } = joinedClient();
  network.socket.say(frame);
  expect(network.errors).toMatchObject([{ code: 'TC_MALFORMED_FRAME' }]);
  expect(streams).toEqual([]);
});

test('text that comes after the message of its stream does not begin the stream anew', async () => {
  const { network, streams, messages } = joinedClient();
  network.socket.say(
    tok('s', 0, 'abc'),
    msg('t', 1, { id: 's', d: { text: 'abcd' } }),
    tok('s', 0, 'abc'),
    tok('s', 0, 'abcd'),
  );
  expect(streams).toHaveLength(1);
  expect(messages).toHaveLength(1);
  expect(await only(streams).done).toMatchObject({ id: 's' });
  network.socket.say(tok('u', 0, 'x'));
  expect(streams).toHaveLength(2);
});
