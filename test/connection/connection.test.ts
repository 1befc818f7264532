import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { transition, type InspectionEvent } from 'xstate';
import { connectionMachine, untroubled } from '../../src/machines/connection.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

beforeEach(() => {
  harness = makeHarness();
});

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
  expect(harness.errors).toEqual([]);
});

/** Sends and lets the hub deliver. */
async function send(message: unknown, thread = 't'): Promise<void> {
  await harness.run(harness.hub.thread(thread).send(message));
}

describe('a connection whose peer stops', () => {
  it('is open, retrying, tripped and evicted at the times of the policy', async () => {
    const { clock, hub, connect } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    const states: [number, string][] = [];
    connection.on('state', ({ to }) => states.push([clock.now(), to]));
    link.stall();
    await send('lost in the kernel');
    await clock.advance(120_000);
    expect(states).toEqual([
      [6_000, 'retrying.backingOff'],
      [7_000, 'retrying.attempting'],
      [12_000, 'retrying.backingOff'],
      [14_000, 'retrying.attempting'],
      [19_000, 'retrying.backingOff'],
      [23_000, 'retrying.attempting'],
      [33_000, 'tripped.coolingDown'],
      [63_000, 'tripped.probing'],
      [68_000, 'evicted'],
    ]);
    expect(link.isClosed).toBe(true);
    expect(hub.stats()).toMatchObject({
      sendTimeouts: 6,
      timeoutRetries: 3,
      timeoutFailures: 1,
      connectionsEvicted: 1,
      connections: { total: 0 },
    });
  });

  it('delays nobody, and catches up in order when it comes back', async () => {
    const { clock, connect } = harness;
    const [healthy, stalled] = [connect(), connect()];
    await Promise.all([healthy.connection.join('t'), stalled.connection.join('t')]);
    await send(1);
    stalled.link.stall();
    for (let i = 2; i <= 50; i++) await send(i);
    const all = Array.from({ length: 50 }, (_, i) => i + 1);
    expect(dataOf(healthy.link)).toEqual(all);
    await clock.advance(8_000);
    expect(stalled.connection.state).toBe('retrying');
    for (let i = 51; i <= 60; i++) await send(i);
    stalled.link.resume();
    await clock.settle();
    expect(stalled.connection.state).toBe('open');
    expect(dataOf(stalled.link)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(stalled.connection.stats).toMatchObject({ failures: 0, behind: 0 });
  });

  it('comes back from the breaker when it answers the probe', async () => {
    const { clock, connect } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    link.stall();
    await send('a');
    await clock.advance(40_000);
    expect(connection.state).toBe('tripped');
    await send('b');
    link.resume();
    await clock.advance(20_000);
    expect(connection.state).toBe('tripped');
    await clock.advance(10_000);
    expect(connection.state).toBe('open');
    expect(dataOf(link)).toEqual(['a', 'b']);
    expect(connection.stats.trips).toBe(1);
  });

  it('is not judged when our own event loop was late', async () => {
    const { clock, connect } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    await clock.advance(900);
    link.stall();
    await send('x');
    await clock.freeze(10_000);
    link.resume();
    await clock.advance(3_000);
    expect(connection.state).toBe('open');
    expect(harness.hub.stats().sendTimeouts).toBe(0);
  });

  it('is given the time that our own event loop stood still, and no more', async () => {
    const { clock, connect } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    await clock.advance(900);
    link.stall();
    await send('x');
    await clock.advance(2_000);
    // after one turn of the loop, a peer behind a slow line cannot have answered yet
    await clock.freeze(10_000);
    await clock.advance(1_500);
    expect(connection.state).toBe('open');
    await clock.advance(3_000);
    expect(connection.state).toBe('retrying');
    link.resume();
  });

  it('is not failed by a retry whose time ran out while our own event loop was blocked', async () => {
    const { clock, connect, hub } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    link.stall();
    await send('x');
    await clock.advance(8_000);
    expect(connection.state).toBe('retrying');
    // the answer is there to be read when the timers fire
    clock.nextTurn(() => link.resume());
    await clock.freeze(60_000);
    expect(connection.state).toBe('open');
    expect(hub.stats().sendTimeouts).toBe(1);
  });

  it('is not stalled while a slow line makes progress, however long a big message takes', async () => {
    const { clock, connect, hub } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    link.stall();
    await send('x'.repeat(5_000_000));
    for (let second = 0; second < 300 && dataOf(link).length === 0; second++) {
      await clock.advance(1_000);
      link.take(25_000);
      expect(link.unsentBytes).toBeLessThanOrEqual(512 * 1024 + 300);
    }
    expect(dataOf(link)).toHaveLength(1);
    expect(hub.stats().sendTimeouts).toBe(0);
    link.resume();
  });
});

it('goes on with a big message while a ping waits for the kernel, at the smallest high-water mark', async () => {
  const own = makeHarness({ highWaterMarkBytes: 256 * 1024 });
  /** As with sockets: a few bytes that wait are unsent, and nobody tells when they have gone. */
  class PingedLink extends FakeLink {
    pingBytes = 0;

    override get unsentBytes(): number {
      return super.unsentBytes + this.pingBytes;
    }
  }
  const link = new PingedLink();
  await own.hub.accept(link.attach).join('t');
  link.stall();
  await own.run(own.hub.thread('t').send('x'.repeat(600_000)));
  link.resume();
  link.pingBytes = 8;
  await own.clock.settle();
  link.pingBytes = 0;
  await own.clock.settle();
  expect(dataOf(link)).toHaveLength(1);
  await own.close();
});

describe('the machine of a connection', () => {
  /** Ids of the actors that an inspector is told of. */
  const actorsOf = (events: readonly InspectionEvent[]): unknown[] =>
    events.filter(({ type }) => type === '@xstate.actor').map(({ actorRef }) => ('id' in actorRef ? actorRef.id : ''));

  it('is there from the first moment where somebody inspects', async () => {
    const events: InspectionEvent[] = [];
    const watched = makeHarness({ inspect: (event) => events.push(event) });
    const { connection } = watched.connect();
    expect(actorsOf(events)).toContain(`connection:${connection.id}`);
    await watched.close();
  });

  it('is the one of all hubs, as those of hubs, threads and serializers are', async () => {
    const logicsOf = async (): Promise<ReadonlySet<unknown>> => {
      const logics = new Set<unknown>();
      const inspect = ({ type, actorRef }: InspectionEvent): void => {
        if (type === '@xstate.actor' && 'logic' in actorRef) logics.add(actorRef.logic);
      };
      const watched = makeHarness({ inspect });
      await watched.run(watched.connect().connection.join('t'));
      await watched.close();
      return logics;
    };
    const [first, second] = [await logicsOf(), await logicsOf()];
    expect(first.size).toBe(4);
    expect(second.size).toBe(4);
    expect([...second].every((logic) => first.has(logic))).toBe(true);
  });

  it('is asked for no end of a connection that is open, and has no other answer', () => {
    const open = connectionMachine.resolveState({
      value: 'open',
      context: untroubled({
        id: 'c',
        policy: { sendTimeoutMs: 1, retryDelaysMs: [], breakerThreshold: 1, cooldownMs: 1 },
      }),
    });
    for (const type of ['closed', 'evict'] as const) {
      const [next, actions] = transition(connectionMachine, open, { type, code: 4_000, reason: 'moved' });
      expect(next).toMatchObject({ value: 'evicted', context: { eviction: { code: 4_000, reason: 'moved' } } });
      expect(actions.map((action) => action.type)).toEqual(['closeGate', 'terminate']);
    }
  });

  it.each<[string, (own: ReturnType<Harness['connect']>) => void]>([
    ['the client closes', ({ link }) => link.hangUp(1_000)],
    ['the line breaks', ({ link }) => link.terminate()],
    ['the application closes', ({ connection }) => connection.close(4_000, 'moved')],
    [
      'the application closes twice',
      ({ connection }) => {
        connection.close(4_000, 'moved');
        connection.close(4_001, 'again');
      },
    ],
  ])('ends without an actor as with one where %s', async (_name, end) => {
    const storyOf = async (inspect?: () => void): Promise<readonly unknown[]> => {
      let ids = 0;
      const own = makeHarness({ inspect, newId: () => `id${++ids}` });
      const story: unknown[] = [];
      own.hub.on('transition', (one) => one.machine === 'connection' && story.push(one));
      const connected = own.connect();
      const { connection, link } = connected;
      own.hub.on('evicted', ({ code, reason }) => story.push({ code, reason, state: connection.state }));
      await own.run(connection.join('t'));
      end(connected);
      await own.clock.advance(31_000);
      story.push(connection.state, connection.stats, own.hub.stats().connectionsEvicted, link.closeCode);
      await own.close();
      return [...story, own.errors];
    };
    const story = await storyOf();
    expect(story).toContainEqual(expect.objectContaining({ from: 'open', to: 'evicted' }));
    expect(story).toEqual(await storyOf(() => {}));
  });

  it('comes late where nobody does, and tells of every transition all the same', async () => {
    const { clock, hub, connect } = harness;
    const transitions: string[] = [];
    hub.on('transition', ({ machine, from, to }) => machine === 'connection' && transitions.push(`${from} ${to}`));
    const { connection, link } = connect();
    await connection.join('t');
    expect(connection).toMatchObject({ state: 'open', stats: { attempt: 0, failures: 0, trips: 0 } });
    link.stall();
    await send('lost in the kernel');
    await clock.advance(6_500);
    expect(connection).toMatchObject({ state: 'retrying', stats: { attempt: 1, failures: 1, trips: 0 } });
    link.resume();
    await clock.settle();
    connection.close();
    expect(transitions).toEqual(['open retrying.backingOff', 'retrying.backingOff open', 'open evicted']);
  });
});

describe('a connection', () => {
  it('has an idle peer pinged, and finds a half-open one', async () => {
    const { clock, connect } = harness;
    const { connection, link } = connect();
    await clock.advance(300_000);
    expect(connection.state).toBe('open');
    link.stall();
    await clock.advance(26_000 + 6_000);
    expect(connection.state).toBe('retrying');
  });

  it('gives undelivered critical messages first to who is behind, once', async () => {
    const { clock, connect, hub, run } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    link.stall();
    await send('x'.repeat(600_000));
    await send('later');
    await run(hub.thread('t').send('stop!', { lane: 'critical' }));
    link.resume();
    await clock.settle();
    const messages = framesOf(link, 'msg').map(({ o, d, ahead }) => [o, String(d).slice(0, 5), ahead]);
    expect(messages).toEqual([
      [1, 'xxxxx', undefined],
      [3, 'stop!', true],
      [2, 'later', undefined],
    ]);
  });

  it('gets several critical messages of one turn, each once', async () => {
    const { clock, connect, hub } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    for (const i of [1, 2, 3]) void hub.thread('t').send(i, { lane: 'critical' });
    void hub.thread('t').send(4);
    void hub.thread('t').send(5, { lane: 'critical' });
    await clock.settle();
    expect(framesOf(link, 'msg').map(({ o }) => o)).toEqual([1, 2, 3, 5, 4]);
  });

  it('skips what was superseded or has expired while it was behind', async () => {
    const { clock, connect, hub, run } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    link.stall();
    await send('x'.repeat(600_000));
    for (let i = 0; i < 10; i++) await run(hub.thread('t').send(i, { conflate: 'cursor' }));
    await run(hub.thread('t').send('gone', { expiresInMs: 1_000 }));
    await send('end');
    await clock.advance(2_000);
    link.resume();
    await clock.settle();
    expect(dataOf(link).slice(1)).toEqual([9, 'end']);
  });

  it('is told of a gap when the log has moved on without it', async () => {
    const { clock, connect, hub, run } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    link.stall();
    await send('x'.repeat(600_000));
    for (let i = 0; i < 1_500; i++) void run(hub.thread('t').send(i));
    await clock.advance(1_000);
    link.resume();
    await clock.settle();
    expect(framesOf(link, 'gap')).toMatchObject([{ why: 'trimmed', th: 't' }]);
    expect(dataOf(link).slice(1)).toEqual(Array.from({ length: 1_000 }, (_, i) => 500 + i));
    expect(hub.stats().gaps).toBe(1);
  });

  it('that takes everything loses nothing to a burst that is larger than the log', async () => {
    const { clock, connect, hub, run } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    for (let i = 0; i < 1_500; i++) void run(hub.thread('t').send(i));
    await clock.settle();
    expect(dataOf(link)).toEqual(Array.from({ length: 1_500 }, (_, i) => i));
    await clock.advance(1_000);
    expect((await hub.thread('t').history({ limit: 1_000 })).messages).toHaveLength(1_000);
  });

  it('resumes after a position without loss or duplicate, and is told when it cannot', async () => {
    const { connect, clock } = harness;
    for (const message of ['a', 'b', 'c']) await send(message);
    const all = connect();
    await all.connection.join('t', { from: 'start' });
    await clock.settle();
    expect(dataOf(all.link)).toEqual(['a', 'b', 'c']);
    const [joined] = framesOf(all.link, 'joined');
    const epoch = String(joined?.['pos']).split('.')[0];
    const [first] = framesOf(all.link, 'msg');
    const rest = connect();
    await rest.connection.join('t', { from: `${epoch}.1.${String(first?.['id'])}` });
    const stranger = connect();
    await stranger.connection.join('t', { from: 'other.2.x' });
    const forked = connect();
    await forked.connection.join('t', { from: `${epoch}.1.another-id` });
    await clock.settle();
    expect(dataOf(rest.link)).toEqual(['b', 'c']);
    expect(framesOf(rest.link, 'joined')).toMatchObject([{ recovered: 2 }]);
    expect(framesOf(stranger.link, 'gap')).toMatchObject([{ why: 'epoch' }]);
    expect(dataOf(stranger.link)).toEqual(['a', 'b', 'c']);
    expect(framesOf(forked.link, 'gap')).toMatchObject([{ why: 'fork' }]);
  });

  it('is sent a message alone', async () => {
    const { connect, run } = harness;
    const [one, other] = [connect(), connect()];
    const receipt = await run(one.connection.send({ only: 'you' }));
    expect(receipt).toMatchObject({ recipients: 1, written: 1 });
    expect(dataOf(one.link)).toEqual([{ only: 'you' }]);
    expect(dataOf(other.link)).toEqual([]);
  });

  it('that speaks plain gets the bare messages and nothing else', async () => {
    const { hub, clock } = harness;
    const { link } = harness.connect();
    link.hangUp();
    const { FakeLink } = await import('../../src/testing/index.ts');
    const plain = new FakeLink();
    const connection = hub.accept(plain.attach, { format: 'plain' });
    const said: unknown[] = [];
    connection.on('message', (message) => said.push(message.data));
    await connection.join('t');
    await send({ a: 1 });
    plain.say('any text');
    await clock.settle();
    expect(plain.received).toEqual(['{"a":1}']);
    expect(said).toEqual(['any text']);
  });

  it('joins what its client asks for only where authorize agrees', async () => {
    const { hub, clock } = harness;
    const { FakeLink } = await import('../../src/testing/index.ts');
    const link = new FakeLink();
    const connection = hub.accept(link.attach, {
      authorize: async (threadId) => {
        if (threadId === 'broken') throw new Error('no database');
        return threadId === 'mine';
      },
    });
    for (const th of ['mine', 'yours', 'broken', 'no\tid']) link.say({ t: 'join', th });
    link.say({ t: 'something new' });
    await clock.settle();
    expect(connection.threads).toEqual(['mine']);
    const refusals = framesOf(link, 'err').toSorted((a, b) => String(a['code']).localeCompare(String(b['code'])));
    expect(refusals).toEqual([
      { t: 'err', code: 'forbidden', th: 'yours' },
      { t: 'err', code: 'internal', th: 'broken' },
      { t: 'err', code: 'TC_INVALID_THREAD_ID', th: 'no\tid' },
    ]);
    expect(harness.errors.splice(0)).toHaveLength(1);
    link.say({ t: 'leave', th: 'mine' });
    await clock.settle();
    expect(connection.threads).toEqual([]);
    link.say('{ not json');
    await clock.settle();
    expect(link.closeCode).toBe(4400);
  });

  it('that the server has joined already is answered, and a position of the client counts', async () => {
    const { clock, connect, hub } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    for (const message of ['a', 'b', 'c']) await send(message);
    const [first] = framesOf(link, 'msg');
    const epoch = (await hub.thread('t').position()).split('.')[0];
    const { FakeLink } = await import('../../src/testing/index.ts');
    const other = new FakeLink();
    await hub.accept(other.attach, { authorize: () => true }).join('t');
    other.say({ t: 'join', th: 't' });
    await clock.settle();
    other.say({ t: 'join', th: 't', from: `${epoch}.1.${String(first?.['id'])}` });
    await clock.settle();
    expect(framesOf(other, 'joined').map(({ recovered }) => recovered)).toEqual([0, 0, 2]);
    expect(dataOf(other)).toEqual(['b', 'c']);
  });

  it('is closed once, however often it is asked to', async () => {
    const { connect, clock } = harness;
    const { connection, link } = connect();
    const ends: unknown[] = [];
    connection.on('evicted', (end) => ends.push(end));
    connection.close(4403, 'forbidden');
    connection.close();
    link.hangUp();
    await clock.settle();
    expect(ends).toEqual([{ code: 4403, reason: 'forbidden' }]);
    await expect(connection.join('t')).rejects.toMatchObject({ code: 'TC_CONNECTION_CLOSED' });
    await expect(connection.send(1)).rejects.toMatchObject({ code: 'TC_CONNECTION_CLOSED' });
  });
});
