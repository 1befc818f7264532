import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { connect, type Message } from '../../src/client/index.ts';
import { memoryLog, type HistoryRange, type HubOptions } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { makeHarness } from '../support/harness.ts';
import { trials } from '../support/tier.ts';
import { fakeNetwork, HELLO, joined, msg, rejectionOf, turn } from './fake-network.ts';
import { HubSocket } from './hub-socket.ts';

const WITH_HISTORY = { ...HELLO, limits: { history: 1_000 } };

/** A client that is in `t`, and whose server answers questions for older messages as the test says. */
function start(options: Parameters<typeof fakeNetwork>[0] = {}) {
  const network = fakeNetwork(options);
  const thread = network.client.join('t');
  const refs: unknown[] = [];
  const open = (): void => {
    const { socket } = network;
    const send = socket.send.bind(socket);
    socket.send = (text) => {
      const { t, ref }: Record<string, unknown> = JSON.parse(text);
      if (t === 'history') refs.push(ref);
      send(text);
    };
    socket.open(WITH_HISTORY);
  };
  open();
  const page = (offsets: number[], older: boolean): void => {
    const l = offsets.map((o) => ({ id: `m${o}`, o, ts: o, cur: `e.${o}.m${o}~${o}`, d: o }));
    network.socket.say({ t: 'page', th: 't', ref: refs.at(-1), older, l });
  };
  return { network, thread, open, page, refs, asked: () => network.socket.sentOf('history') };
}

const datas = ({ messages }: { messages: readonly Message[] }): unknown[] => messages.map(({ data }) => data);

test('asks up to where live messages begin, then before the oldest, one question at a time', async () => {
  const { network, thread, page, asked } = start();
  network.socket.say(joined('t', 'e.9.m9'), msg('t', 10));
  const first = thread.loadOlder({ limit: 2 });
  const second = thread.loadOlder();
  await turn();
  await turn();
  expect(asked()).toEqual([{ t: 'history', th: 't', until: 'e.9.m9', limit: 2 }]);
  page([8, 9], true);
  const { messages, hasOlder } = await first;
  expect(hasOlder).toBe(true);
  expect(messages[1]).toEqual({
    id: 'm9',
    offset: 9,
    at: 9,
    data: 9,
    position: 'e.9.m9',
    cursor: 'e.9.m9~9',
    ahead: false,
    bytes: undefined,
    many: undefined,
    re: undefined,
    stream: undefined,
    trace: undefined,
  });
  await turn();
  expect(asked()[1]).toEqual({ t: 'history', th: 't', before: 'e.8.m8~8', until: 'e.9.m9', limit: undefined });
  page([7], false);
  expect(await second).toMatchObject({ messages: [{ data: 7 }], hasOlder: false });
});

test('waits for the join, and asks again after a reconnect', async () => {
  const { network, thread, open, page, asked, refs } = start();
  const older = thread.loadOlder();
  await turn();
  await turn();
  expect(asked()).toEqual([]);
  network.socket.say(joined('t', 'e.2.m2'));
  expect(asked()).toHaveLength(1);
  network.socket.lose();
  await network.clock.advance(500);
  open();
  network.socket.say(joined('t', 'e.2.m2'));
  expect(asked()).toMatchObject([{ until: 'e.2.m2' }]);
  network.socket.say({ t: 'page', th: 't', ref: refs[0], older: false, l: [] });
  page([1, 2], false);
  expect(datas(await older)).toEqual([1, 2]);
});

test('rejects with the server’s code, and may be called again', async () => {
  const { network, thread, page, refs } = start();
  network.socket.say(joined('t', 'e.1.m1'));
  const older = rejectionOf(thread.loadOlder({ limit: 5_000 }));
  await turn();
  await turn();
  network.socket.say({ t: 'err', code: 'TC_INVALID_OPTION', th: 't', ref: refs[0] });
  expect(await older).toMatchObject({ code: 'TC_SERVER_ERROR', reason: 'TC_INVALID_OPTION', threadId: 't' });
  const again = thread.loadOlder();
  await turn();
  await turn();
  page([1], false);
  expect(datas(await again)).toEqual([1]);
  for (const limit of [0, 1.5, NaN])
    expect(await rejectionOf(thread.loadOlder({ limit }))).toMatchObject({ code: 'TC_INVALID_OPTION' });
});

test.each(['leave', 'close', 'kick'] as const)('rejects after the end of the thread: %s', async (end) => {
  const { network, thread } = start();
  network.socket.say(joined('t', 'e.1.m1'));
  const both = [rejectionOf(thread.loadOlder()), rejectionOf(thread.loadOlder())];
  await turn();
  if (end === 'leave') thread.leave();
  else if (end === 'close') network.client.close();
  else network.socket.say({ t: 'left', th: 't', why: 'kicked' });
  const closed = { code: 'TC_CLIENT_CLOSED' };
  expect(await Promise.all(both)).toMatchObject([closed, closed]);
  expect(await rejectionOf(thread.loadOlder())).toMatchObject(closed);
});

test('the answer to a question of a thread that was left meanwhile is no error', async () => {
  const { network, thread, refs } = start();
  const errors: unknown[] = [];
  network.client.on('error', (error) => errors.push(error));
  network.socket.say(joined('t', 'e.9.m9'));
  const older = thread.loadOlder();
  await turn();
  thread.leave();
  await rejectionOf(older);
  network.socket.say({ t: 'err', th: 't', ref: refs.at(-1), code: 'forbidden' });
  expect(errors).toEqual([]);
  network.socket.say({ t: 'err', th: 't', code: 'internal' });
  expect(errors).toHaveLength(1);
});

test('a server that has no history for clients is not asked', async () => {
  const network = fakeNetwork();
  const thread = network.client.join('t');
  network.socket.open().say(joined('t', 'e.1.m1'));
  expect(await rejectionOf(thread.loadOlder())).toMatchObject({ code: 'TC_SERVER_ERROR', reason: 'unsupported' });
  expect(network.socket.sentOf('history')).toEqual([]);
});

// --- the client and a hub

type Step = { readonly do: 'send' | 'edit' | 'remove' | 'older' | 'pump' | 'lose' | 'wait'; readonly n: number };

const steps = (kinds: readonly Step['do'][]): fc.Arbitrary<Step[]> =>
  fc.array(fc.record({ do: fc.constantFrom(...kinds), n: fc.integer({ min: 1, max: 4 }) }), { maxLength: 25 });

/** Runs the steps; returns the ids and data that the client has in the end, and those that the server has. */
async function play(before: number, options: (clock: VirtualClock) => HubOptions, all: readonly Step[]) {
  const clock = new VirtualClock();
  const harness = makeHarness({ clock, ...options(clock) });
  const room = harness.hub.thread('t');
  const truth = new Map<string, unknown>();
  let sent = 0;
  const send = async (): Promise<void> => {
    const id = `m${++sent}`;
    truth.set(id, sent);
    await harness.run(room.send(sent, { idempotencyKey: id }));
  };
  for (let i = 0; i < before; i++) await send();
  const sockets: HubSocket[] = [];
  class Socket extends HubSocket {
    constructor() {
      super();
      sockets.push(this);
      harness.hub.accept(this.link.attach, { authorize: () => true });
    }
  }
  const client = connect('ws://hub.test', { WebSocket: Socket, clock, random: () => 0 });
  const thread = client.join('t');
  const older: Message[] = [];
  const live: Message[] = [];
  const amended = new Map<string, unknown>();
  thread.on('message', (message) => live.push(message));
  thread.on('replaced', ({ id, data }) => amended.set(id, data));
  thread.on('removed', ({ id }) => amended.set(id, undefined));
  const gaps: unknown[] = [];
  thread.on('gap', (gap) => gaps.push(gap));
  const state = { hasOlder: true };
  const load = async (limit: number): Promise<void> => {
    const page = await thread.loadOlder({ limit });
    older.unshift(...page.messages);
    state.hasOlder = page.hasOlder;
  };
  const loads: Promise<void>[] = [];
  const known = (n: number): string => [...truth.keys()].at(-n) ?? '';
  for (const { do: kind, n } of all) {
    if (kind === 'send') await send();
    else if (kind === 'edit' && truth.has(known(n))) {
      truth.set(known(n), `edit of ${known(n)}`);
      await harness.run(room.send(truth.get(known(n)), { replaces: known(n) }));
    } else if (kind === 'remove' && truth.has(known(n))) {
      const id = known(n);
      truth.delete(id);
      await harness.run(room.remove(id));
    } else if (kind === 'older') loads.push(load(n));
    else if (kind === 'pump') sockets.at(-1)?.pump(n);
    else if (kind === 'lose') sockets.at(-1)?.lose();
    else if (kind === 'wait') await clock.advance(1_000);
    await clock.settle();
  }
  const rest = async (): Promise<void> => {
    for (let i = 0; i < 6; i++) {
      await clock.advance(2_000);
      sockets.at(-1)?.pump(Infinity);
      await clock.settle();
    }
  };
  await rest();
  while (loads.length > 0 || state.hasOlder) {
    if (loads.length === 0) loads.push(load(3));
    await rest();
    await loads.shift();
  }
  const given = [...older, ...live].flatMap(({ id, data }): [string, unknown][] => {
    if (!amended.has(id)) return [[id, data]];
    const newest = amended.get(id);
    return newest === undefined ? [] : [[id, newest]];
  });
  client.close();
  await harness.close();
  return { given, truth: [...truth], gaps };
}

test('whatever is sent, edited, asked for and cut: older and live messages are each message once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 8 }),
      steps(['send', 'send', 'edit', 'remove', 'older', 'older', 'pump', 'pump', 'lose', 'wait']),
      async (before, all) => {
        const { given, truth, gaps } = await play(before, (clock) => ({ log: memoryLog({ clock }) }), all);
        expect(given).toEqual(truth);
        expect(gaps).toEqual([]);
      },
    ),
    trials(60),
  );
});

test('the same beyond the log, where the application’s database goes on', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => ({ id: `m${i + 1}`, at: i, data: i + 1 }));
  const load = (_: string, { before, limit }: HistoryRange) => {
    const page = rows.slice(
      0,
      rows.findIndex(({ id }) => id === before?.id),
    );
    return { messages: page.slice(-limit), hasOlder: page.length > limit };
  };
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 26, max: 32 }),
      steps(['send', 'older', 'older', 'pump', 'lose', 'wait']),
      async (before, all) => {
        const options = (clock: VirtualClock): HubOptions => ({
          log: memoryLog({ clock, maxEntries: 26 }),
          history: { load },
        });
        const { given, truth } = await play(before, options, all);
        expect(given).toEqual(truth);
      },
    ),
    trials(30),
  );
});
