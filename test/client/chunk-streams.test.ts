import { expect, test } from 'vitest';
import { chunksOf, connect, updatesOf, type ChunkConnectOptions, type ChunkUpdate } from '../../src/chunks/index.ts';
import { InvalidOptionError } from '../../src/client/index.ts';
import { defineThread, type Codec } from '../../src/define/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { notes, type Note } from '../support/note-codec.ts';
import { allOf, FakeSocket, joined, LISTS, msg, turn } from './fake-network.ts';

const frame = (at: number, to: number, d: readonly Note[], s = 's') => ({
  t: 'chunks',
  th: 't',
  s,
  cd: 'notes',
  at,
  to,
  d,
});
const note = (text: string, part = 'a'): Note => ({ part, text });

function network(options: ChunkConnectOptions = {}) {
  const sockets: FakeSocket[] = [];
  const clock = new VirtualClock();
  class NetworkSocket extends FakeSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const errors: unknown[] = [];
  const client = connect('ws://hub.test/ws', { WebSocket: NetworkSocket, clock, random: () => 0, ...options });
  client.on('error', (error) => errors.push(error));
  return {
    client,
    clock,
    errors,
    get socket(): FakeSocket {
      const socket = sockets.at(-1);
      if (socket === undefined) throw new Error('no socket yet');
      return socket;
    },
  };
}

function joinedClient(codecs: readonly Codec[] = [notes], options: ChunkConnectOptions = {}) {
  const net = network(options);
  const thread = net.client.join('t', { codecs });
  net.socket.open().say(joined('t', 'e.0.'));
  return { net, thread, stream: thread.follow('s') };
}

/** What an iterator has given so far. */
function reading<T>(source: AsyncIterable<T>): T[] {
  const given: T[] = [];
  const read = async (): Promise<void> => {
    for await (const next of source) given.push(next);
  };
  void read();
  return given;
}

test('a join names the codecs, of the thread and of its definition; in a list, such joins go alone', async () => {
  const schema = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const;
  const room = defineThread('room:*', { message: schema, streams: { notes } });
  const { client, socket, clock } = network({ threads: [room] });
  client.join(room('1'));
  client.join('a');
  client.join('b');
  client.join('c', { codecs: [{ ...notes, name: 'other' }] });
  socket.open(LISTS);
  await clock.settle();
  expect(socket.sent).toMatchObject([
    {
      t: 'joins',
      l: [
        ['a', 2],
        ['b', 3],
      ],
    },
    { t: 'join', th: 'room:1', codecs: ['notes'], parts: true },
    { t: 'join', th: 'c', codecs: ['other'], parts: true },
  ]);
});

test('a stream has its chunks, folded; a reader gets each as it comes; the message ends it', async () => {
  const { net, thread, stream } = joinedClient();
  const shown: unknown[] = [];
  thread.on('stream', (begun) => shown.push([begun.codec, begun.chunks]));
  const updates = reading(updatesOf(stream, notes));
  net.socket.say(frame(0, 1, [note('one ')]));
  await net.clock.settle();
  net.socket.say(frame(1, 3, [note('two ')]), frame(3, 4, [{ mark: 1 }]), frame(4, 5, [{ signal: 1 }]));
  await net.clock.settle();
  expect(stream).toMatchObject({ codec: 'notes', chunks: [note('one two '), { mark: 1 }], text: '' });
  expect(thread.streams).toEqual([stream]);
  expect(shown).toEqual([['notes', [note('one ')]]]);
  expect(updates.flatMap(({ chunks }) => chunks)).toEqual([note('one '), note('two '), { mark: 1 }, { signal: 1 }]);
  net.socket.say(msg('t', 1, { id: 's', d: { notes: [] } }));
  expect((await stream.done)?.data).toEqual({ notes: [] });
  // who reads late gets the folded ones
  expect(await allOf(updatesOf(stream, notes))).toEqual([
    { chunks: [note('one two '), { mark: 1 }], isReset: false, late: [] },
  ]);
  expect(net.errors).toEqual([]);
});

test('frames that do not follow are ignored, and so is what is no frame', () => {
  const { net, thread, stream } = joinedClient();
  net.socket.say(frame(0, 2, [note('a')]));
  const { d: _, ...headless } = frame(2, 3, []);
  net.socket.say(frame(1, 4, [note('b')]), frame(5, 6, [note('c')]), headless, { ...frame(2, 3, []), d: 'text' });
  net.socket.say({ ...frame(2, 3, [note('d')]), cd: 'other' }, { ...frame(2, 3, [note('e')]), to: 1 });
  net.socket.say({ ...frame(0, 1, [note('f')]), th: 'other' }, frame(7, 8, [note('g')], 'new'), '{"t":"chunks"');
  expect(chunksOf(stream, notes)).toEqual([note('a')]);
  expect(chunksOf(stream, { ...notes, name: 'other' })).toEqual([]);
  expect(thread.streams).toHaveLength(1);
});

test('after a reconnect it says where it is; a reset begins anew', async () => {
  const { net, stream } = joinedClient();
  const updates: ChunkUpdate[] = reading(updatesOf(stream, notes));
  net.socket.say(frame(0, 3, [note('abc')]), { t: 'tok', th: 't', s: 'text', at: 0, d: 'four' });
  await net.clock.settle();
  net.socket.lose();
  await net.clock.advance(5_000);
  net.socket.open();
  expect(net.socket.sent).toMatchObject([{ t: 'join', s: { s: 3, text: 4 }, codecs: ['notes'] }]);
  net.socket.say(joined('t', 'e.0.'), frame(0, 5, [note('abcde')]));
  await net.clock.settle();
  net.socket.say(frame(5, 6, [note('f')]), { t: 'tok', th: 't', s: 's', lost: true });
  expect(await stream.done).toBe(undefined);
  await net.clock.settle();
  expect(stream.chunks).toEqual([note('abcdef')]);
  expect(updates).toEqual([
    { chunks: [note('abc')], isReset: false, late: [] },
    { chunks: [note('abcde')], isReset: true, late: [] },
    { chunks: [note('f')], isReset: false, late: [] },
  ]);
});

test('after a gap, a stream in progress is a new one', async () => {
  const { net, thread, stream } = joinedClient();
  net.socket.say(frame(0, 3, [note('abc')]), { t: 'gap', th: 't', pos: 'e.5.x' });
  expect(await stream.done).toBe(undefined);
  net.socket.say(frame(0, 4, [note('abcd')]));
  expect(thread.streams.map(({ chunks }) => chunks)).toEqual([[note('abcd')]]);
  expect(stream.chunks).toEqual([note('abc')]);
});

test('a thread with codecs has texts as well', async () => {
  const { net, stream } = joinedClient();
  const updates = reading(updatesOf(stream, notes));
  net.socket.say({ t: 'tok', th: 't', s: 's', at: 0, d: 'one ' }, { t: 'tok', th: 't', s: 's', at: 4, d: 'two' });
  expect(stream).toMatchObject({ text: 'one two', chunks: ['one two'], codec: undefined });
  net.socket.say(msg('t', 1, { id: 's', d: { text: 'one two' } }));
  await net.clock.settle();
  expect(updates).toEqual([]);
  expect(await allOf(stream)).toEqual(['one two']);
});

test('what a codec throws is reported, and nothing is lost', () => {
  const broken = { ...notes, fold: () => JSON.parse('?') };
  const { net, stream } = joinedClient([broken]);
  net.socket.say(frame(0, 2, [note('a'), note('b')]));
  expect(stream.chunks).toEqual([note('a'), note('b')]);
  expect(net.errors).toHaveLength(1);
});

test('a stream beyond maxMessageBytes holds what fits; its message has all', async () => {
  const { net, stream } = joinedClient([notes], { maxMessageBytes: 64 });
  net.socket.say(frame(0, 1, [note('a'.repeat(40))]), frame(1, 2, [note('b'.repeat(80))]), frame(2, 3, [note('c')]));
  expect(stream.chunks).toEqual([note('a'.repeat(40))]);
  net.socket.say(msg('t', 1, { id: 's', d: { all: true } }));
  expect((await stream.done)?.data).toEqual({ all: true });
});

test('codecs that are none, too many, or for a client without them are invalid', () => {
  const { client } = network();
  const many = Array.from({ length: 17 }, (_, i) => ({ ...notes, name: `n${i}` }));
  for (const codecs of ['[{"name":"n"}]', '[null]', '{}', '7'])
    expect(() => client.join('a', { codecs: JSON.parse(codecs) })).toThrow(InvalidOptionError);
  expect(() => client.join('a', { codecs: many })).toThrow(InvalidOptionError);
  expect(() => connect('ws://hub.test', { threads: JSON.parse('7') })).toThrow(InvalidOptionError);
});

test('joins of one thread share its chunks: a leave ends neither the stream of another join nor its chunks', async () => {
  const net = network();
  const first = net.client.join('t', { codecs: [notes] });
  const second = net.client.join('t');
  const streams = [first.follow('s'), second.follow('s')];
  net.socket.open(LISTS);
  await turn();
  const [one, two] = net.socket.refs;
  net.socket.say({ ...joined('t', 'e.0.'), ref: one }, { ...joined('t', 'e.0.'), ref: two });
  net.socket.say(frame(0, 1, [note('a')]));
  first.leave();
  await turn();
  net.socket.say(frame(1, 2, [note('b')]));
  const [, stream = expect.fail()] = streams;
  expect(chunksOf(stream, notes)).toEqual([note('ab')]);
  net.socket.say(msg('t', 1, { id: 's', d: [note('ab')] }));
  expect(await stream.done).toMatchObject({ id: 's' });
});
