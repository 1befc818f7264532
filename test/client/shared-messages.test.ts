import { expect, test } from 'vitest';
import { fakeNetwork, joined, msg, turn, type FakeSocket } from './fake-network.ts';

/** A client in threads `a` and `b`, and what each has given to the application. */
function start() {
  const network = fakeNetwork();
  const received: string[] = [];
  const [a, b] = ['a', 'b'].map((id) => {
    const thread = network.client.join(id);
    thread.on('message', (message) => received.push(`${id} ${message.id}`));
    return thread;
  });
  network.socket.open().say(joined('a', 'e1.0.'), joined('b', 'e2.0.'));
  return { network, socket: network.socket, received, positions: () => [a?.position, b?.position] };
}

const many = (th: string, o: number, id: string, more: object = {}) => msg(th, o, { id, many: true, ...more });

async function reconnect(network: ReturnType<typeof fakeNetwork>): Promise<FakeSocket> {
  network.socket.lose();
  await network.clock.advance(20_000);
  return network.socket.open();
}

test('a message of several threads is given once, where it comes first, and each position moves', () => {
  const { socket, received, positions } = start();
  socket.say(many('b', 1, 'x'), many('a', 1, 'x'), many('a', 2, 'y'), many('b', 2, 'y'));
  expect(received).toEqual(['b x', 'a y']);
  expect(positions()).toEqual(['e1.2.y', 'e2.2.y']);
});

test('also when a thread catches up after a reconnect, and when it comes in parts', async () => {
  const { network, socket, received, positions } = start();
  socket.say(many('a', 1, 'x'));
  const again = await reconnect(network);
  again.say(joined('a', 'e1.1.x'), joined('b', 'e2.0.'));
  again.say(many('b', 1, 'x'), many('b', 2, 'y'), many('a', 2, 'y'));
  const part = { t: 'part', o: 3, id: 'z', of: 2 };
  for (const th of ['a', 'b'])
    again.say({ ...part, th, n: 0, d: '{"n"' }, { ...part, th, n: 1, d: ':1}', last: true, many: true });
  expect(received).toEqual(['a x', 'b y', 'a z']);
  expect(positions()).toEqual(['e1.3.z', 'e2.3.z']);
  expect(network.errors).toEqual([]);
});

test('the same id in several threads is another message each time, where the server does not say that they are one', () => {
  const { socket, received } = start();
  socket.say(msg('a', 1, { id: 'x' }), msg('b', 1, { id: 'x' }));
  expect(received).toEqual(['a x', 'b x']);
});

test('volatile and overtaking ones are given once', () => {
  const { socket, received } = start();
  const volatile = { t: 'msg', id: 'v', d: 1, many: true };
  socket.say({ ...volatile, th: 'a' }, { ...volatile, th: 'b' });
  socket.say(many('a', 2, 'x', { ahead: true }), many('b', 1, 'x'), msg('a', 1), many('a', 2, 'x'));
  expect(received).toEqual(['a v', 'a x', 'a m1']);
});

test('an edit is news of each thread', async () => {
  const { network, socket } = start();
  const replaced: string[] = [];
  for (const id of ['a', 'b']) network.client.join(id).on('replaced', (news) => replaced.push(`${id} ${news.id}`));
  await turn();
  socket.say(joined('a', 'e1.0.'), joined('b', 'e2.0.'));
  socket.say(many('a', 1, 'x'), many('b', 1, 'x'), msg('a', 2, { re: 'x' }), msg('b', 2, { re: 'x' }));
  expect(replaced).toEqual(['a x', 'b x']);
});

test('a thread that gave it gives it again to who joins it anew, and a thread without a reader keeps it from nobody', async () => {
  const { network, socket, received } = start();
  socket.say(many('a', 1, 'x'), many('b', 1, 'x'));
  network.client.join('a').leave();
  network.client.join('a', { from: 'start' }).on('message', ({ id }) => received.push(`again ${id}`));
  await Promise.resolve();
  socket.say(joined('a', 'e1.0.', 1), many('a', 1, 'x'));
  expect(received).toEqual(['a x', 'again x']);
  network.client.join('c');
  await Promise.resolve();
  socket.say(joined('c', 'e3.0.'), many('c', 1, 'y'), many('b', 2, 'y'));
  expect(received.at(-1)).toBe('b y');
});

test('it remembers the newest 16,384', () => {
  const { socket, received } = start();
  for (let o = 1; o <= 16_385; o++) socket.say(many('a', o, `x${o}`));
  received.length = 0;
  socket.say(many('b', 1, 'x1'), many('b', 2, 'x3'));
  expect(received).toEqual(['b x1']);
});
