import { expect, test } from 'vitest';
import type { Message, Progress } from '../../src/client/index.ts';
import { fakeNetwork, joined, msg } from './fake-network.ts';

const TEXTS = ['{"a":"one', ' two', ' three"}'];

const part = (n: number, more: object = {}) => ({
  t: 'part',
  th: 't1',
  o: 2,
  id: 'm2',
  n,
  of: TEXTS.length,
  d: TEXTS[n],
  ...more,
});

function start() {
  const network = fakeNetwork();
  const progress: Progress[] = [];
  const thread = network.client.join('t1', { onProgress: (news) => progress.push(news) });
  const messages: Message[] = [];
  thread.on('message', (message) => messages.push(message));
  network.socket.open().say(joined('t1', 'e1.1.m1'));
  return { network, thread, messages, progress, data: () => messages.map(({ data }) => data) };
}

test('parts become a message, with progress, and the position moves with the last', () => {
  const { network, thread, messages, progress } = start();
  network.socket.say(part(0), part(1));
  expect(messages).toEqual([]);
  expect(thread.position).toBe('e1.1.m1');
  network.socket.say(part(2, { last: true, tp: '00-a-b-01' }));
  expect(messages).toMatchObject([
    { id: 'm2', offset: 2, data: { a: 'one two three' }, ahead: false, position: 'e1.2.m2', trace: '00-a-b-01' },
  ]);
  expect(progress).toEqual([1, 2, 3].map((parts) => ({ id: 'm2', offset: 2, parts, of: 3 })));
  expect(network.errors).toEqual([]);
});

test('what overtakes comes first, and the parts go on', () => {
  const { network, data } = start();
  network.socket.say(part(0), msg('t1', 4, { ahead: true }), part(1), { t: 'msg', th: 't1', id: 'v', d: 'volatile' });
  network.socket.say(part(2), msg('t1', 3), msg('t1', 4));
  expect(data()).toEqual([{ n: 4 }, 'volatile', { a: 'one two three' }, { n: 3 }]);
});

test('after a reconnect the missing parts are asked for, and only those', async () => {
  const { network, data, progress } = start();
  network.socket.say(part(0), part(1));
  network.socket.lose();
  await network.clock.advance(500);
  network.socket.open();
  const have = { o: 2, id: 'm2', n: 2, of: 3 };
  expect(network.socket.sent).toEqual([{ t: 'join', th: 't1', from: 'e1.1.m1', parts: true, have }]);
  network.socket.say(joined('t1', 'e1.1.m1', 1), part(2));
  expect(data()).toEqual([{ a: 'one two three' }]);
  expect(progress.map(({ parts }) => parts)).toEqual([1, 2, 3]);
  network.socket.lose();
  await network.clock.advance(1_000);
  network.socket.open();
  expect(network.socket.sent).toEqual([{ t: 'join', th: 't1', from: 'e1.2.m2', parts: true }]);
});

test('a server that begins anew is followed', async () => {
  const { network, data } = start();
  network.socket.say(part(0), part(1));
  network.socket.lose();
  await network.clock.advance(500);
  const halves = ['{"a":', '1}'].map((d, n) => part(n, { of: 2, d }));
  network.socket.open().say(joined('t1', 'e1.1.m1', 1), ...halves);
  expect(data()).toEqual([{ a: 1 }]);
});

test('parts that are not the next ones: the thread is joined again, for all of the message', async () => {
  const { network, data } = start();
  const cases: [object, number][] = [
    [part(2), 0],
    [part(1, { id: 'other' }), 500],
    [part(1, { of: 4 }), 500],
  ];
  for (const [wrong, wait] of cases) {
    const before = network.socket.sentOf('join').length;
    network.socket.say(part(0), wrong);
    await network.clock.advance(wait);
    expect(network.socket.sentOf('join')).toHaveLength(before + 1);
    expect(network.socket.sent.at(-1)).toEqual({ t: 'join', th: 't1', from: 'e1.1.m1', parts: true });
    network.socket.say(part(1), part(2));
    expect(data()).toEqual([]);
    network.socket.say(joined('t1', 'e1.1.m1', 1));
  }
  network.socket.say(part(0), part(1), part(2));
  expect(data()).toEqual([{ a: 'one two three' }]);
});

test.each([
  ['a gap', { t: 'gap', th: 't1', why: 'trimmed', pos: 'e1.2.' }],
  ['a later message', msg('t1', 3)],
])('%s ends what was not finished', async (_, frame) => {
  const { network } = start();
  network.socket.say(part(0), frame);
  network.socket.lose();
  await network.clock.advance(500);
  expect(network.socket.open().sent[0]).not.toHaveProperty('have');
});

test('parts that make no JSON are an error and no end', () => {
  const { network, data } = start();
  network.socket.say(part(0, { of: 1, d: '{"a":' }), msg('t1', 3));
  expect(network.errors).toMatchObject([{ code: 'TC_MALFORMED_FRAME', start: '{"a":' }]);
  expect(data()).toEqual([{ n: 3 }]);
});
