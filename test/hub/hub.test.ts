import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import type { ConnectOptions, JoinOptions as ClientJoinOptions, PublishOptions } from '../../src/client/index.ts';
import {
  createHub,
  inWorker,
  memoryLog,
  preencoded,
  type AcceptOptions,
  type AttachOptions,
  type CompressionOptions,
  type HubOptions,
  type MemoryLogOptions,
  type SendOptions,
  type SerializerOptions,
  type StreamLimits,
  type StreamOptions,
} from '../../src/index.ts';
import type { InspectorServerOptions } from '../../src/inspector/index.ts';
import type { RedisLogOptions } from '../../src/redis/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { caughtWarnings } from '../support/caught-warnings.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { slowLog } from '../support/slow-log.ts';

let harness: Harness;

beforeEach(() => {
  harness = makeHarness({ maxMessageBytes: 1_000_000 });
});

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

describe('options', () => {
  const wrong: [HubOptions, string, string][] = [
    [{ sendTimeoutMs: 0 }, 'sendTimeoutMs', '1 to 2147483647'],
    [{ cooldownMs: 2 ** 31 }, 'cooldownMs', '1 to 2147483647'],
    [{ retryDelaysMs: [1, -1] }, 'retryDelaysMs[1]', '0 to 2147483647'],
    [{ highWaterMarkBytes: 1_024 }, 'highWaterMarkBytes', '262144'],
    [{ sliceMs: Number.NaN }, 'sliceMs', '0.1 to 1000'],
    [{ serializer: { workers: 0 } }, 'serializer.workers', '1 to 64'],
  ];
  it.each(wrong)('%j is refused by name and range', (options, option, range) => {
    expect(() => createHub(options)).toThrow(
      expect.objectContaining({ code: 'TC_INVALID_OPTION', option, message: expect.stringContaining(range) }),
    );
  });

  it('may be undefined, each of them, and have their defaults then', async () => {
    const unset = undefined;
    const hub = createHub({
      maxConnections: unset,
      log: unset,
      inspect: unset,
      serializer: { workers: unset },
      compression: { level: unset },
      streams: { windowMs: unset },
    });
    hub.accept(new FakeLink().attach, { userId: unset, data: unset, authorize: unset });
    const thread = hub.thread('t');
    await thread.send(1, { lane: unset, idempotencyKey: unset, expiresInMs: unset, conflate: unset });
    expect((await thread.history({ after: unset, limit: unset })).messages).toHaveLength(1);
    expect(memoryLog({ maxEntries: unset, maxTotalBytes: unset })).toBeDefined();
    expect(inWorker('file:///x.js', 1, { export: unset, runsHere: unset }).exportName).toBe('default');
    await hub.close();
    type Unset<Options> = { [Name in keyof Options]: undefined };
    type Callbacks = 'authenticate' | 'reauthenticate' | 'authorize' | 'onPublish' | 'onValue';
    expectTypeOf<Unset<Required<HubOptions>>>().toExtend<HubOptions>();
    expectTypeOf<Unset<Required<SerializerOptions>>>().toExtend<SerializerOptions>();
    expectTypeOf<Unset<Required<CompressionOptions>>>().toExtend<CompressionOptions>();
    expectTypeOf<Unset<Required<StreamLimits>>>().toExtend<StreamLimits>();
    expectTypeOf<Unset<Required<StreamOptions>>>().toExtend<StreamOptions>();
    expectTypeOf<Unset<Required<SendOptions>>>().toExtend<SendOptions>();
    expectTypeOf<Unset<Required<AcceptOptions>>>().toExtend<AcceptOptions>();
    expectTypeOf<Unset<Required<Omit<AttachOptions, Callbacks>>>>().toExtend<AttachOptions>();
    expectTypeOf<Unset<Required<MemoryLogOptions>>>().toExtend<MemoryLogOptions>();
    expectTypeOf<Unset<Required<RedisLogOptions>>>().toExtend<RedisLogOptions>();
    expectTypeOf<Unset<Required<InspectorServerOptions>>>().toExtend<InspectorServerOptions>();
    expectTypeOf<Unset<Required<ConnectOptions>>>().toExtend<ConnectOptions>();
    expectTypeOf<Unset<Required<ClientJoinOptions>>>().toExtend<ClientJoinOptions>();
    expectTypeOf<Unset<Required<PublishOptions>>>().toExtend<PublishOptions>();
  });

  it.each<[object, string, string]>([
    [{ log: memoryLog }, 'log', 'append, readAfter'],
    [{ log: {} }, 'log', 'append, readAfter'],
    [{ log: null }, 'log', 'append, readAfter'],
    [{ clock: { now: () => 0 } }, 'clock', 'setTimeout'],
    [{ tracer: {} }, 'tracer', 'startSpan'],
    [{ meter: {} }, 'meter', 'createHistogram'],
    [{ inspect: 'yes' }, 'inspect', 'a function or an observer'],
  ])('%j is refused for what it cannot do', (untyped, option, expected) => {
    expect(() => createHub(untyped)).toThrow(
      expect.objectContaining({ code: 'TC_INVALID_OPTION', option, message: expect.stringContaining(expected) }),
    );
  });

  it.each([
    [{ lane: 'urgent' }, 'lane'],
    [{ expiresInMs: 0 }, 'expiresInMs'],
    [{ idempotencyKey: 'with space' }, 'idempotencyKey'],
    [{ conflate: 7 }, 'conflate'],
  ])('send with %j is refused', async (options, option) => {
    const untyped: object = options;
    await expect(harness.hub.thread('t').send(1, untyped)).rejects.toMatchObject({ code: 'TC_INVALID_OPTION', option });
  });
});

describe('send', () => {
  it.each(['', 'with\nbreak', 'a'.repeat(257), 'ü'.repeat(129), '\ud800', '~user:ada'])(
    'refuses the thread id %j',
    (id) => {
      expect(() => harness.hub.thread(id)).toThrow(
        expect.objectContaining({ code: 'TC_INVALID_THREAD_ID', threadId: id }),
      );
    },
  );

  it('answers with a receipt that adds up', async () => {
    const { hub, connect, run, clock } = harness;
    const links = Array.from({ length: 5 }, connect);
    for (const { connection } of links) await connection.join('t');
    for (const { link } of links.slice(0, 2)) link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    const receipt = await run(hub.thread('t').send({ a: 1 }));
    expect(receipt).toMatchObject({ bytes: 7, strategy: 'inline', recipients: 5, written: 3, behind: 2, dropped: 0 });
    expect(receipt.position).toBe(await hub.thread('t').position());
    const settled = receipt.settled();
    links[0]?.link.resume();
    links[1]?.connection.close();
    await clock.advance(2_000);
    expect(await settled).toMatchObject({ written: 4, behind: 0, evicted: 1, dropped: 0 });
  });

  it('settles in bounded time when somebody stays behind', async () => {
    const { hub, connect, run, clock } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    const receipt = await run(hub.thread('t').send(2));
    const settled = receipt.settled();
    await clock.advance(31_000);
    expect(await settled).toMatchObject({ behind: 1, outcomes: new Map([[connection.id, 'behind']]) });
  });

  it('drops a volatile message for who is busy, and says so', async () => {
    const { hub, connect, run } = harness;
    const [well, busy] = [connect(), connect()];
    await well.connection.join('t');
    await busy.connection.join('t');
    busy.link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    const receipt = await run(hub.thread('t').send('typing', { lane: 'volatile' }));
    expect(receipt).toMatchObject({ position: undefined, recipients: 2, written: 1, dropped: 1 });
    expect(framesOf(well.link, 'msg').at(-1)).not.toHaveProperty('o');
    expect(hub.stats().volatileDropped).toBe(1);
  });

  it('calls a critical message dropped that was superseded before anybody got it', async () => {
    const { hub, connect, run } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    const [first, second] = await run(
      Promise.all([1, 2].map((n) => hub.thread('t').send(n, { lane: 'critical', conflate: 'k' }))),
    );
    expect(dataOf(link)).toEqual([2]);
    expect(await first?.settled()).toMatchObject({ dropped: 1, written: 0, acked: 0 });
    expect(await second?.settled()).toMatchObject({ dropped: 0, written: 1 });
  });

  it('sends the same idempotency key once', async () => {
    const { hub, connect, run } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    const first = await run(hub.thread('t').send('once', { idempotencyKey: 'k1' }));
    const second = await run(hub.thread('t').send('twice', { idempotencyKey: 'k1' }));
    expect(second).toMatchObject({ id: 'k1', position: first.position, isDuplicate: true });
    expect(dataOf(link)).toEqual(['once']);
  });

  it('keeps the order of a lane while a message is being built in a worker, and lets others overtake', async () => {
    const hub = createHub();
    const link = new FakeLink();
    const connection = hub.accept(link.attach);
    await connection.join('t');
    await connection.join('u');
    const recipe = 'export default () => "built"';
    await Promise.all([
      hub.thread('t').send(inWorker(new URL(`data:text/javascript,${encodeURIComponent(recipe)}`))),
      hub.thread('t').send('after'),
      hub.thread('t').send('critical', { lane: 'critical' }),
      hub.thread('u').send('elsewhere'),
    ]);
    expect(dataOf(link)).toEqual(['critical', 'elsewhere', 'built', 'after']);
    await hub.close();
  });

  it('refuses what JSON cannot say, and goes on without using an offset', async () => {
    const { hub, connect, run } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const thrower = {
      toJSON() {
        throw new Error('not today');
      },
    };
    const thread = hub.thread('t');
    for (const value of [cycle, 1n, undefined, () => 1, thrower]) {
      await expect(run(thread.send(value))).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
    }
    await expect(run(thread.send('x'.repeat(1_000_001)))).rejects.toMatchObject({
      code: 'TC_MESSAGE_TOO_LARGE',
      limit: 1_000_000,
    });
    await run(thread.send('fine'));
    expect(framesOf(link, 'msg')).toMatchObject([{ o: 1, d: 'fine' }]);
  });

  it('takes bytes that are JSON already, again and again', async () => {
    const { hub, connect, run } = harness;
    const { connection, link } = connect();
    await connection.join('t');
    const message = preencoded(Buffer.from('{"raw":true}'));
    expect(await run(hub.thread('t').send(message))).toMatchObject({ strategy: 'ready', bytes: 12 });
    await run(hub.thread('t').send(message));
    expect(dataOf(link)).toEqual([{ raw: true }, { raw: true }]);
  });

  it.each([['[1]'], [['[', 1, ']']], [new ArrayBuffer(2)], [undefined], [[]], [new Uint8Array(0)]])(
    'refuses %o as bytes that are JSON already',
    (bytes) => {
      const act = (): unknown => Reflect.apply(preencoded, undefined, [bytes]);
      expect(act).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'preencoded bytes' }));
    },
  );
});

describe('a hub', () => {
  it('survives listeners and inspectors that throw', async () => {
    const boom = (): never => {
      throw new Error('boom');
    };
    // a hub that begins has no listener yet
    const warnings = caughtWarnings();
    const own = makeHarness({ inspect: [boom, { next: boom }] });
    expect(new Set(warnings)).toEqual(new Set(['boom']));
    own.hub.on('connection', boom);
    own.hub.on('transition', boom);
    own.hub.on('evicted', async () => boom());
    const { connection, link } = own.connect();
    connection.on('state', boom);
    connection.on('evicted', boom);
    connection.on('message', boom);
    await connection.join('t');
    link.say({ t: 'pub', th: 't', id: 'x', d: 1 });
    await own.run(own.hub.thread('t').send(1));
    connection.close();
    await own.clock.settle();
    expect(dataOf(link)).toEqual([1]);
    expect(own.errors.length).toBeGreaterThan(20);
    await own.close();
    expect(own.hub.state).toBe('stopped');
  });

  it('an error listener that throws ends as a process warning', async () => {
    const own = makeHarness();
    const warnings = caughtWarnings();
    const { hub } = own;
    hub.on('connection', () => {
      throw new Error('first');
    });
    hub.on('error', () => {
      throw new Error('second');
    });
    own.connect();
    await own.close();
    expect(own.errors).toHaveLength(1);
    expect(warnings).toEqual(['second']);
  });

  it('refuses everything after close, and closes twice as once', async () => {
    const own = makeHarness();
    const { link, connection } = own.connect();
    await own.close();
    await own.close();
    expect(link.closeCode).toBe(1001);
    expect(connection.state).toBe('evicted');
    expect(() => own.connect()).toThrow(expect.objectContaining({ code: 'TC_HUB_CLOSED' }));
    await expect(own.hub.thread('t').send(1)).rejects.toMatchObject({ code: 'TC_HUB_CLOSED' });
  });

  it('drains: delivers what was accepted, says bye, closes with 1012', async () => {
    const { hub, connect, clock } = harness;
    const { link, connection } = connect();
    await connection.join('t');
    const sent = hub.thread('t').send('last');
    const drained = Promise.all([hub.drain({ timeoutMs: 1_000 }), hub.drain()]);
    await expect(hub.thread('t').send('too late')).rejects.toMatchObject({ code: 'TC_HUB_CLOSED' });
    await clock.advance(5_000);
    await drained;
    await sent;
    expect(dataOf(link)).toEqual(['last']);
    expect(framesOf(link, 'bye')).toHaveLength(1);
    expect(link.closeCode).toBe(1012);
    expect(hub.state).toBe('stopped');
  });

  it.each([
    [1, [0], 0],
    [3, [0, 1, 2], 2],
    [8_000, [0, 1, 1, 2, 3, 3], 4_999],
  ])('spreads the return of %i clients by their number, and by no more than that', async (count, first, last) => {
    const { hub, connect, clock } = harness;
    const clients = Array.from({ length: count }, connect);
    const drained = hub.drain();
    await clock.advance(10_000);
    await drained;
    const waits = clients.map(({ link }) => Number(framesOf(link, 'bye')[0]?.['retryMs']));
    expect(waits.slice(0, first.length)).toEqual(first);
    expect(Math.max(...waits)).toBe(last);
  });

  it('answers no join while it drains: the client comes back to another process, and joins there', async () => {
    const { hub, connect, clock, run } = harness;
    const busy = connect();
    await busy.connection.join('t');
    busy.link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    await run(hub.thread('t').send('b'));
    const link = new FakeLink();
    hub.accept(link.attach, { authorize: () => true });
    const drained = hub.drain({ timeoutMs: 1_000 });
    await clock.advance(100);
    for (const th of ['t', 'new']) link.say({ t: 'join', th });
    await clock.advance(3_000);
    await drained;
    expect(link.messages).toMatchObject([{ t: 'hello' }, { t: 'bye' }]);
    expect(link.closeCode).toBe(1012);
  });

  it.each([
    ['drains', 1012],
    ['closes', 1001],
  ])('%s a crowd a few connections and threads at a time', async (how, code) => {
    const { hub, connect, clock } = harness;
    const crowd = Array.from({ length: 500 }, connect);
    for (const [i, { connection }] of crowd.entries()) await connection.join(`t${i}`);
    const left: number[][] = [];
    // one end takes a while
    hub.on('transition', () => clock.spend(0.05));
    const look = (): void => {
      const { connections, threads } = hub.stats();
      left.push([connections.total, threads]);
      if (connections.total + threads > 0) clock.nextTurn(look);
    };
    look();
    const ended = how === 'drains' ? hub.drain() : hub.close();
    await clock.advance(2_000);
    await ended;
    expect(crowd.every(({ link }) => link.closeCode === code)).toBe(true);
    for (const kind of [0, 1]) {
      const steps = left.map((now, i) => (left[i - 1]?.[kind] ?? 500) - (now[kind] ?? 0));
      expect(Math.max(...steps)).toBeLessThanOrEqual(100);
    }
  });

  it('closes the whole of what is its own where its log cannot be closed', async () => {
    const clock = new VirtualClock();
    const failing = { ...slowLog(clock, 0), close: () => Promise.reject(new Error('disk')) };
    const own = makeHarness({ clock, log: failing });
    const { link } = own.connect();
    await own.close();
    expect(link.closeCode).toBe(1001);
    expect(own.errors).toEqual([new Error('disk')]);
    expect(own.clock.pending).toBe(0);
  });

  it('goes on sweeping where its log throws', async () => {
    const clock = new VirtualClock();
    const sweep = (): never => {
      throw new Error('disk');
    };
    const own = makeHarness({ clock, log: { ...slowLog(clock, 0), sweep } });
    const { link, connection } = own.connect();
    void connection.join('t');
    await clock.advance(100);
    link.stall();
    void own.hub.thread('t').send(1);
    await clock.advance(7_000);
    expect(connection.state).toBe('retrying');
    expect(new Set(own.errors.map(String))).toEqual(new Set(['Error: disk']));
    await own.close();
  });

  it('an error listener that rejects is not told of that', async () => {
    const own = makeHarness();
    const warnings = caughtWarnings();
    let told = 0;
    own.hub.on('error', async () => {
      if (++told < 100) throw new Error('again');
    });
    own.hub.on('connection', () => {
      throw new Error('first');
    });
    own.connect();
    await own.clock.settle();
    expect([told, warnings]).toEqual([1, ['again']]);
    await own.close();
  });

  it('drains what connections are behind with, as long as they take it', async () => {
    const { hub, connect, clock, run } = harness;
    const { link, connection } = connect();
    await connection.join('t');
    link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    await run(hub.thread('t').send('b'));
    const drained = hub.drain({ timeoutMs: 3_000 });
    await clock.advance(500);
    link.resume();
    await clock.advance(3_000);
    await drained;
    expect(dataOf(link)).toHaveLength(2);
    expect(link.closeCode).toBe(1012);
  });

  it('drains in bounded time when somebody is behind', async () => {
    const { hub, connect, clock, run } = harness;
    const { link, connection } = connect();
    await connection.join('t');
    link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    const drained = hub.drain({ timeoutMs: 1_000 });
    await clock.advance(3_000);
    await drained;
    expect(link.isClosed).toBe(true);
  });

  it('closes idle threads, keeps their history, and opens them again', async () => {
    const { hub, connect, clock, run } = harness;
    await run(hub.thread('t').send('kept'));
    expect(hub.stats().threads).toBe(1);
    await clock.advance(62_000);
    expect(hub.stats().threads).toBe(0);
    const { link, connection } = connect();
    await connection.join('t', { from: 'start' });
    await clock.settle();
    expect(dataOf(link)).toEqual(['kept']);
  });

  it('reports a link that breaks as an error, not as a crash', async () => {
    const { hub, connect, run, errors } = harness;
    const { connection, link } = connect();
    const other = connect();
    await connection.join('t');
    await other.connection.join('t');
    link.write = () => {
      throw new Error('EPIPE');
    };
    await run(hub.thread('t').send('x'));
    await run(hub.thread('t').send('y'));
    expect(dataOf(other.link)).toEqual(['x', 'y']);
    expect(connection.state).toBe('evicted');
    expect(errors).toHaveLength(1);
    expect(link.isClosed).toBe(true);
  });
});
