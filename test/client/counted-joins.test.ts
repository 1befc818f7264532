import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { connect, type ClientThread, type Message } from '../../src/client/index.ts';
import { memoryLog } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { makeHarness } from '../support/harness.ts';
import { trials } from '../support/tier.ts';
import { fakeNetwork, joined, LISTS, msg, turn } from './fake-network.ts';
import { HubSocket } from './hub-socket.ts';

const ids = (messages: readonly Message[]): string[] => messages.map(({ id }) => id);

function listen(thread: ClientThread) {
  const received: Message[] = [];
  const gaps: unknown[] = [];
  thread.on('message', (message) => received.push(message));
  thread.on('gap', (gap) => gaps.push(gap));
  return { thread, received, gaps };
}

/** A client in `t`, at offset 2. */
function start(options: Parameters<typeof fakeNetwork>[0] = {}) {
  const network = fakeNetwork(options);
  const first = listen(network.client.join('t'));
  const socket = network.socket.open(LISTS).say(joined('t', 'e.0.'), msg('t', 1), msg('t', 2));
  return { network, first, socket };
}

test('each join is another handle; a leave ends only its own, and the last one leaves the thread', async () => {
  const { network, first, socket } = start();
  const second = listen(network.client.join('t'));
  await turn();
  expect(second.thread).not.toBe(first.thread);
  socket.say(joined('t', 'e.2.m2'), msg('t', 3));
  expect([ids(first.received), ids(second.received)]).toEqual([['m1', 'm2', 'm3'], ['m3']]);
  first.thread.leave();
  first.thread.leave();
  socket.say(msg('t', 4));
  expect([ids(first.received), ids(second.received)]).toEqual([
    ['m1', 'm2', 'm3'],
    ['m3', 'm4'],
  ]);
  expect(socket.sentOf('leave')).toEqual([]);
  second.thread.leave();
  expect(socket.sentOf('leave')).toHaveLength(1);
  network.socket.lose();
  await network.clock.advance(500);
  expect(network.socket.open(LISTS).sent).toEqual([]);
});

test('mounted, unmounted and mounted again, as in StrictMode, it is joined once', async () => {
  const network = fakeNetwork();
  const socket = network.socket.open(LISTS);
  network.client.join('t').leave();
  const { received } = listen(network.client.join('t', { from: 'start' }));
  await turn();
  socket.say(joined('t', 'e.0.'), msg('t', 1));
  expect(ids(received)).toEqual(['m1']);
  expect(socket.sentOf('join')).toEqual([{ t: 'join', th: 't', from: 'start', parts: true }]);
});

test('a later join gets what its `from` asks for, and the others nothing twice', async () => {
  const { network, first, socket } = start();
  const all = listen(network.client.join('t', { from: 'start' }));
  const some = listen(network.client.join('t', { from: 'e.1.m1' }));
  await turn();
  const [, one, two] = socket.refs;
  socket.say({ ...joined('t', 'e.0.', 2), ref: one }, msg('t', 1));
  // for the last join the server begins after the place of the one before, which joins again
  socket.say({ ...joined('t', 'e.1.m1', 1), ref: two }, msg('t', 2), msg('t', 3));
  expect([first, all, some].map(({ received }) => ids(received))).toEqual([
    ['m1', 'm2', 'm3'],
    ['m1', 'm2', 'm3'],
    ['m2', 'm3'],
  ]);
  expect(socket.sentOf('join')).toHaveLength(1);
});

test('a join that the subscription of another would pass over asks again from its own position', async () => {
  const { network, first, socket } = start();
  const all = listen(network.client.join('t', { from: 'start' }));
  await turn();
  socket.say(joined('t', 'e.0.', 2), msg('t', 1));
  const late = listen(network.client.join('t'));
  await turn();
  socket.say(joined('t', 'e.2.m2'), msg('t', 3));
  await turn();
  expect(socket.sent.at(-1)).toEqual({ t: 'join', th: 't', from: 'e.1.m1', parts: true });
  socket.say(joined('t', 'e.1.m1', 2), msg('t', 2), msg('t', 3));
  expect([first, all, late].map(({ received }) => ids(received))).toEqual([
    ['m1', 'm2', 'm3'],
    ['m1', 'm2', 'm3'],
    ['m3'],
  ]);
});

test('a gap before the position of one join is missed by that one only', async () => {
  const { network, first, socket } = start();
  const old = listen(network.client.join('t', { from: 'e0.7.m7' }));
  await turn();
  socket.say(joined('t', 'e.0.', 2), { t: 'gap', th: 't', why: 'epoch', pos: 'e.0.' }, msg('t', 1), msg('t', 2));
  socket.say(msg('t', 3));
  expect([first.gaps, old.gaps]).toEqual([[], [{ why: 'epoch', position: 'e.0.' }]]);
  expect([ids(first.received), ids(old.received)]).toEqual([
    ['m1', 'm2', 'm3'],
    ['m1', 'm2', 'm3'],
  ]);
});

test('a join that is refused ends alone', async () => {
  const { network, first, socket } = start();
  const onError = vi.fn();
  network.client.join('t', { from: 'start' }).on('error', onError);
  await turn();
  socket.refuse('t', 'forbidden').say(msg('t', 3));
  expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'TC_JOIN_REFUSED' }));
  expect(ids(first.received)).toEqual(['m1', 'm2', 'm3']);
});

test('what the server ends is over for all of them', async () => {
  const { network, first, socket } = start();
  const second = network.client.join('t');
  const reasons: string[] = [];
  for (const thread of [first.thread, second]) thread.on('left', ({ reason }) => reasons.push(reason));
  await turn();
  socket.say(joined('t', 'e.2.m2'), { t: 'left', th: 't', why: 'kicked' });
  expect(reasons).toEqual(['kicked', 'kicked']);
});

test('a slow iterator of one join does not pause another, and misses nothing', async () => {
  const { network, first, socket } = start({ maxBuffered: 4 });
  const iterator = network.client.join('t')[Symbol.asyncIterator]();
  await turn();
  socket.say(joined('t', 'e.2.m2'));
  for (let o = 3; o <= 9; o++) socket.say(msg('t', o));
  expect(ids(first.received)).toHaveLength(9);
  expect(socket.sentOf('leave')).toEqual([]);
  const read: unknown[] = [];
  const take = async (): Promise<unknown> => read.push((await iterator.next()).value?.id);
  await take();
  await take();
  expect(socket.sent.at(-1)).toEqual({ t: 'join', th: 't', from: 'e.6.m6', parts: true });
  socket.say(joined('t', 'e.6.m6', 3), msg('t', 7), msg('t', 8), msg('t', 9), msg('t', 10));
  for (let i = 0; i < 4; i++) await take();
  expect(read).toEqual(['m3', 'm4', 'm5', 'm6', 'm7', 'm8']);
  expect(ids(first.received)).toHaveLength(10);
});

test('a slow iterator does not pause a listener of the same join: it loses the oldest, and a gap tells', async () => {
  const { network, first, socket } = start({ maxBuffered: 4 });
  const iterator = first.thread[Symbol.asyncIterator]();
  for (let o = 3; o <= 8; o++) socket.say(msg('t', o));
  expect(ids(first.received)).toHaveLength(8);
  expect(first.gaps).toEqual([
    { why: 'overflow', position: 'e.4.m4' },
    { why: 'overflow', position: 'e.6.m6' },
  ]);
  expect((await iterator.next()).value).toMatchObject({ id: 'm7' });
  expect(network.errors).toEqual([]);
});

test('a slow iterator does not pause another one of the same join', async () => {
  const { network, socket } = start({ maxBuffered: 4 });
  const thread = network.client.join('t');
  const [slow, fast] = [thread[Symbol.asyncIterator](), thread[Symbol.asyncIterator]()];
  await turn();
  socket.say(joined('t', 'e.2.m2'));
  const read: unknown[] = [];
  for (let o = 3; o <= 20; o++) {
    socket.say(msg('t', o));
    read.push((await fast.next()).value?.id);
  }
  expect(read).toEqual(Array.from({ length: 18 }, (_, i) => `m${i + 3}`));
  await slow.return?.();
});

// --- the client and a hub

type Step = { readonly do: 'join' | 'leave' | 'send' | 'pump' | 'read' | 'lose' | 'wait'; readonly n: number };

const steps = fc.array(
  fc.record({
    do: fc.constantFrom<Step['do']>(
      'join',
      'join',
      'leave',
      'send',
      'send',
      'send',
      'pump',
      'pump',
      'read',
      'lose',
      'wait',
    ),
    n: fc.integer({ min: 0, max: 5 }),
  }),
  { maxLength: 40 },
);

/** One join, as the application has it. */
class Handle {
  readonly thread: ClientThread;
  /** The offset after which it is promised everything; undefined before the server has said so. */
  after: number | undefined;
  readonly received: number[] = [];
  readonly #iterator: AsyncIterator<Message> | undefined;
  readonly #head: number;
  /** A read that waits for its message. */
  #pending: Promise<IteratorResult<Message>> | undefined;
  isLeft = false;

  /** @param head of the log when it joined */
  constructor(thread: ClientThread, after: number | undefined, head: number, isRead: boolean) {
    this.thread = thread;
    this.after = after;
    this.#head = head;
    thread.on('gap', ({ why }) => expect.fail(`a gap ${why}`));
    thread.on('error', (error) => expect.fail(String(error)));
    thread.on('joined', ({ position }) => {
      this.after ??= Number(position.split('.')[1]);
    });
    if (isRead) this.#iterator = thread[Symbol.asyncIterator]();
    else thread.on('message', ({ offset = 0 }) => this.received.push(offset));
  }

  async read(count: number): Promise<void> {
    for (let i = 0; i < count && this.#iterator !== undefined; i++) {
      this.#pending ??= this.#iterator.next();
      const next = await Promise.race([this.#pending, later()]);
      if (next === undefined || next.done === true) return;
      this.#pending = undefined;
      this.received.push(next.value.offset ?? 0);
    }
  }

  /** It has what it was promised: all until the end of the log, or until it was left. */
  check(head: number): void {
    const { after = Number.NaN, received } = this;
    const [first = after + 1] = received;
    expect(received).toEqual(Array.from(received, (_, i) => first + i));
    if (this.isLeft && received.length === 0) return;
    expect(first).toBe(after + 1);
    expect(after).toBeLessThanOrEqual(head);
    if (!this.isLeft) expect(after + received.length).toBe(head);
  }

  /** New messages only: none from before the join. */
  checkNew(): void {
    if (this.after !== undefined) expect(this.after).toBeGreaterThanOrEqual(this.#head);
  }
}

const later = async (): Promise<undefined> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  return undefined;
};

async function play(all: readonly Step[], maxBuffered: number): Promise<void> {
  const clock = new VirtualClock();
  const harness = makeHarness({ clock, log: memoryLog({ clock }) });
  const room = harness.hub.thread('t');
  const sockets: HubSocket[] = [];
  class Socket extends HubSocket {
    constructor() {
      super();
      sockets.push(this);
      harness.hub.accept(this.link.attach, { authorize: () => true });
    }
  }
  const client = connect('ws://hub.test', { WebSocket: Socket, clock, random: () => 0, maxBuffered });
  const handles: Handle[] = [];
  const fresh: Handle[] = [];
  const positions = ['start'];
  for (const { do: kind, n } of all) {
    const handle = handles[n % Math.max(1, handles.length)];
    if (kind === 'join') {
      const from = n < 3 ? undefined : positions[n % positions.length];
      const after = from === undefined ? undefined : Number(from.split('.')[1] ?? 0);
      const made = new Handle(client.join('t', { from }), after, positions.length - 1, n % 2 === 0);
      handles.push(made);
      if (from === undefined) fresh.push(made);
    } else if (kind === 'leave' && handle !== undefined) {
      handle.thread.leave();
      handle.isLeft = true;
    } else if (kind === 'send') positions.push((await harness.run(room.send(n))).position ?? '');
    else if (kind === 'pump') sockets.at(-1)?.pump(n * 2);
    else if (kind === 'read') await handle?.read(n);
    else if (kind === 'lose') sockets.at(-1)?.lose();
    else if (kind === 'wait') await clock.advance(1_000);
    await clock.settle();
  }
  for (let i = 0; i < 12; i++) {
    await clock.advance(2_000);
    sockets.at(-1)?.pump(Infinity);
    await clock.settle();
    for (const handle of handles) await handle.read(Infinity);
  }
  expect(room.members).toHaveLength(handles.some(({ isLeft }) => !isLeft) ? 1 : 0);
  for (const handle of handles) handle.check(positions.length - 1);
  for (const handle of fresh) handle.checkNew();
  client.close();
  await harness.close();
}

test('whatever is joined, left, sent, read and cut: each handle gets exactly what it was promised', async () => {
  await fc.assert(fc.asyncProperty(steps, fc.integer({ min: 2, max: 8 }), play), trials(100));
});
