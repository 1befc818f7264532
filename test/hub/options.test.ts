import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createHub, InvalidOptionError, inWorker, memoryLog, refuse } from '../../src/index.ts';
import { inspectorHandler, statelyInspect } from '../../src/inspector/index.ts';
import { redisLog } from '../../src/redis/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness | undefined;

afterEach(async () => {
  await harness?.close();
  harness = undefined;
});

function start(): Harness {
  return (harness = makeHarness());
}

/** As a caller without types would. */
const call = (target: unknown, name: string, ...args: unknown[]): unknown => {
  const method: unknown = Reflect.get(Object(target), name);
  if (typeof method !== 'function') throw new Error(`no ${name}`);
  const answer: unknown = Reflect.apply(method, target, args);
  return answer;
};

const caught = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

const code = 'TC_INVALID_OPTION';
const untyped = (options: unknown): object => Object(options);

describe('a misspelled option is an error that knows the right one', () => {
  it.each([
    ['createHub', () => createHub(untyped({ heartbeatMS: 1 })), 'heartbeatMS', 'heartbeatMs'],
    ['createHub', () => createHub(untyped({ maxConnection: 1 })), 'maxConnection', 'maxConnections'],
    ['createHub', () => createHub(untyped({ 'when-full': 'reject' })), 'when-full', 'whenFull'],
    ['createHub', () => createHub(untyped({ streams: { windowMS: 1 } })), 'streams.windowMS', 'windowMs'],
    ['createHub', () => createHub(untyped({ compression: { treshold: 1 } })), 'compression.treshold', 'one of'],
    ['createHub', () => createHub(untyped({ serializer: { worker: 1 } })), 'serializer.worker', 'workers'],
    ['memoryLog', () => memoryLog(untyped({ maxEntires: 1 })), 'log.maxEntires', 'maxEntries'],
    ['memoryLog', () => memoryLog(untyped({ newId: () => 'a' })), 'log.newId', 'one of'],
    ['redisLog', () => redisLog(untyped({ URL: 'redis://127.0.0.1:1' })), 'log.URL', 'url'],
    ['inspectorHandler', () => inspectorHandler(createHub(), untyped({ Token: 'x'.repeat(16) })), 'Token', 'token'],
    [
      'inspectorHandler',
      () => inspectorHandler(createHub(), untyped({ allowedHost: [] })),
      'allowedHost',
      'allowedHosts',
    ],
    [
      'inWorker',
      () => inWorker('data:text/javascript,', 1, untyped({ runHere: true })),
      'inWorker options.runHere',
      'runsHere',
    ],
  ])('%s: %#', (_, act, option, meant) => {
    const error = caught(act);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ code, option });
    expect(String(error)).toContain(meant);
  });

  it('and what it was set to is not shown: it may be a token', () => {
    const error = caught(() => inspectorHandler(createHub(), untyped({ tokenn: 'secret-secret-secret' })));
    expect(error).toMatchObject({ value: undefined });
    expect(String(error)).not.toContain('secret');
  });

  it('also for one connection, a join, a message, a stream and what follows', async () => {
    const { hub, connect, run } = start();
    const { connection } = connect();
    const thread = hub.thread('t');
    const receipt = await run(thread.send(1));
    const calls: readonly (readonly [() => unknown, string])[] = [
      [() => call(hub, 'accept', new FakeLink().attach, { userID: 'ada' }), 'userID'],
      [() => call(hub, 'attach', undefined, { authorise: () => true }), 'authorise'],
      [() => call(connection, 'join', 't', { form: 'start' }), 'form'],
      [() => call(connection, 'send', 1, { lanes: 'critical' }), 'lanes'],
      [() => call(thread, 'send', 1, { idempotencykey: 'a' }), 'idempotencykey'],
      [() => call(thread, 'stream', { timeout: 1 }), 'timeout'],
      [() => call(thread, 'history', { limits: 1 }), 'limits'],
      [() => call(receipt, 'settled', { untl: 'acked' }), 'untl'],
      [() => call(hub, 'drain', { timeoutMS: 1 }), 'timeoutMS'],
      [() => call(hub.user('ada'), 'send', 1, { Lane: 'normal' }), 'Lane'],
    ];
    for (const [act, option] of calls) {
      await expect(run(Promise.resolve().then(act))).rejects.toMatchObject({ code, option });
    }
    // refused before they did anything
    expect(hub.state).toBe('running');
    expect(connection.threads).toEqual([]);
  });
});

describe('a value of another type is an error', () => {
  it.each([
    [() => createHub(untyped({ development: 'false' })), 'development'],
    [() => createHub(untyped({ streams: true })), 'streams'],
    [() => createHub(untyped({ serializer: null })), 'serializer'],
    [() => createHub(untyped({ newId: 'uuid' })), 'newId'],
    [() => createHub(untyped({ whenFull: true })), 'whenFull'],
    [() => memoryLog(untyped({ clock: Date })), 'log.clock'],
    [() => memoryLog(untyped({ newEpoch: 'e' })), 'log.newEpoch'],
    [() => memoryLog(untyped({ newEpoch: () => 'a.b' })), 'log.newEpoch()'],
    [() => redisLog(untyped({ url: 6_379 })), 'log.url'],
    [() => redisLog(untyped({ prefix: 7 })), 'log.prefix'],
    [() => inspectorHandler(createHub(), untyped({ actions: 'false' })), 'actions'],
    [() => inspectorHandler(createHub(), untyped({ clock: 7 })), 'clock'],
    [() => statelyInspect(Object(1), untyped({ sample: '0.1' })), 'sample'],
    [() => statelyInspect(Object(1), untyped({ definitions: 'never' })), 'definitions'],
    [() => call({ refuse }, 'refuse', '403'), 'refuse() status'],
    [() => call({ refuse }, 'refuse', 200), 'refuse() status'],
    [() => call({ refuse }, 'refuse', 403, { why: 'x' }), 'refuse() message'],
    [() => call({ createHub }, 'createHub', null), 'options'],
    [() => call({ createHub }, 'createHub', 8_080), 'options'],
    [() => call({ memoryLog }, 'memoryLog', []), 'log'],
  ])('%#', (act, option) => {
    expect(caught(act)).toMatchObject({ code, option });
  });

  it('also for one connection, a join, a message, a stream and what follows', async () => {
    const { hub, run, connect } = start();
    const { connection } = connect();
    const thread = hub.thread('t');
    const receipt = await run(thread.send(1));
    const stream = thread.stream();
    const accept = (options: unknown) => call(hub, 'accept', new FakeLink().attach, options);
    const calls: readonly (readonly [() => unknown, string])[] = [
      [() => accept(null), 'options'],
      [() => accept({ userId: 42 }), 'userId'],
      [() => accept({ userId: '' }), 'userId'],
      [() => accept({ authorize: true }), 'authorize'],
      [() => accept({ format: 1 }), 'format'],
      [() => call(hub, 'attach', undefined, null), 'options'],
      [() => call(hub, 'attach', undefined, { compress: 'false' }), 'compress'],
      [() => call(hub, 'attach', undefined, { allowPlain: 0 }), 'allowPlain'],
      [
        () => call(hub, 'attach', undefined, { allowedOrigins: () => Promise.resolve(false), authorize: 1 }),
        'authorize',
      ],
      [() => call(hub, 'attach', undefined, { allowedOrigins: async () => false }), 'allowedOrigins'],
      [() => call(hub, 'user', 42), 'userId'],
      [() => call(hub, 'user', ''), 'userId'],
      [() => call(hub, 'on', 'conection', () => {}), 'event'],
      [() => call(hub, 'on', 'connection'), 'listener'],
      [() => call(connection, 'on', 'mesage', () => {}), 'event'],
      [() => call(connection, 'on', 'message', 'log'), 'listener'],
      [() => call(connection, 'join', 't', null), 'options'],
      [() => call(connection, 'join', 't', { from: 42 }), 'from'],
      [() => call(connection, 'send', 1, null), 'options'],
      [() => call(thread, 'send', 1, null), 'options'],
      [() => call(thread, 'send', 1, { snapshot: 'yes' }), 'snapshot'],
      [() => call(thread, 'send', 1, { traceLink: 7 }), 'traceLink'],
      [() => call(thread, 'stream', null), 'options'],
      [() => call(thread, 'stream', { mayCancel: true }), 'mayCancel'],
      [() => call(thread, 'stream', { traceparent: '00-1-2-01' }), 'traceparent'],
      [() => call(thread, 'history', null), 'options'],
      [() => call(thread, 'history', { from: 3 }), 'from'],
      [() => call(receipt, 'settled', 'acked'), 'options'],
      [() => call(receipt, 'settled', null), 'options'],
      [() => call(hub, 'drain', 5_000), 'options'],
      [() => call(hub.user('ada'), 'send', 1, null), 'options'],
      [() => call(stream, 'append', 7), 'text'],
      [() => call(stream, 'end', 'stop'), 'fields'],
      [() => call(stream, 'abort', new Error('x')), 'reason'],
      [() => call(thread.stream(), 'pipe', ['a', 'b']), 'source'],
      [() => call(thread.stream(), 'pipe', undefined), 'source'],
    ];
    for (const [act, option] of calls) {
      await expect(run(Promise.resolve().then(act))).rejects.toMatchObject({ code, option });
    }
    expect(hub.state).toBe('running');
    expect(hub.stats().connections.total).toBe(1);
  });

  it('what is no socket is told as that', () => {
    const { hub } = start();
    for (const socket of [undefined, null, 'socket', {}]) {
      expect(caught(() => call(hub, 'accept', socket))).toMatchObject({ code: 'TC_UNSUPPORTED_SOCKET' });
    }
    expect(hub.stats().connections.total).toBe(0);
  });
});

/** By option, what gives it a fraction. */
const FRACTIONS: readonly (readonly [string, () => unknown])[] = [
  ...[
    'breakerThreshold',
    'highWaterMarkBytes',
    'maxMessageBytes',
    'maxConnections',
    'maxConnectionsPerUser',
    'maxCriticalBehind',
    'readyLimit',
    'maxSendSpans',
    'maxInputBytes',
    'maxUnfinishedBytes',
    'maxThreadsPerConnection',
    'maxThreads',
  ].map((name) => [name, () => createHub(untyped({ [name]: 999_999.5 }))] as const),
  ['compression.level', () => createHub(untyped({ compression: { level: 1.5 } }))],
  ['compression.thresholdBytes', () => createHub(untyped({ compression: { thresholdBytes: 1.5 } }))],
  ['streams.maxPerThread', () => createHub(untyped({ streams: { maxPerThread: 1.5 } }))],
  ['streams.maxLength', () => createHub(untyped({ streams: { maxLength: 1.5 } }))],
  ['serializer.maxQueue', () => createHub(untyped({ serializer: { maxQueue: 1.5 } }))],
  ['serializer.workers', () => createHub(untyped({ serializer: { workers: 1.5 } }))],
  ['serializer.workerHeapMb', () => createHub(untyped({ serializer: { workerHeapMb: 16.5 } }))],
  ...['maxEntries', 'maxBytes', 'maxTotalBytes'].flatMap((name) => [
    [`log.${name}`, () => memoryLog(untyped({ [name]: 1.5 }))] as const,
    [`log.${name}`, () => redisLog(untyped({ [name]: 1.5 }))] as const,
  ]),
  ...['inlineBytes', 'maxPending', 'maxPendingBytes'].map(
    (name) => [`log.${name}`, () => redisLog(untyped({ [name]: 1.5 }))] as const,
  ),
  ['maxViewers', () => inspectorHandler(createHub(), untyped({ maxViewers: 1.5 }))],
];

describe('what is counted is whole', () => {
  it.each(FRACTIONS)('%s', (option, act) => {
    expect(caught(act)).toMatchObject({ code, option });
  });

  it('also for one server, one connection and one call', async () => {
    const { hub, run } = start();
    const thread = hub.thread('t');
    const attach = (options: object) => call(hub, 'attach', createServer(), options);
    const calls: readonly (readonly [() => unknown, string])[] = [
      [() => attach({ maxPayload: 1.5 }), 'maxPayload'],
      [() => attach({ maxFragments: 1.5 }), 'maxFragments'],
      [() => attach({ maxPendingHandshakes: 1.5 }), 'maxPendingHandshakes'],
      [() => call(hub, 'accept', new FakeLink().attach, { maxInputBytes: 1.5 }), 'maxInputBytes'],
      [() => call(thread, 'history', { limit: 1.5 }), 'limit'],
    ];
    for (const [act, option] of calls) {
      await expect(run(Promise.resolve().then(act))).rejects.toMatchObject({ code, option });
    }
  });
});

it('a conflation key says something', async () => {
  const { hub, run } = start();
  await expect(run(hub.thread('t').send(1, { conflate: '' }))).rejects.toMatchObject({ code, option: 'conflate' });
});

it('undefined is as good as nothing, everywhere', async () => {
  const { hub, run, connect } = start();
  const unset = undefined;
  const { connection } = connect();
  expect(hub.accept(new FakeLink().attach, { userId: unset, authorize: unset, format: unset }).state).toBe('open');
  await run(connection.join('t', { from: unset }));
  const receipt = await run(hub.thread('t').send(1, { lane: unset, idempotencyKey: unset, snapshot: unset }));
  await run(receipt.settled({ until: unset }));
  await run(hub.thread('t').stream({ id: unset, mayCancel: unset }).end(unset));
  expect((await run(hub.thread('t').history({ after: unset, limit: unset }))).messages).toHaveLength(2);
});

it.each([
  ['1', 1],
  ['an object', { allowed: false }],
  ['a text', 'false'],
  ['an array', []],
])('authorize with %s lets nobody in, and is reported', async (_, answer) => {
  const { hub, clock, errors } = start();
  const link = new FakeLink();
  const asked: object = { authorize: () => answer, onPublish: () => true };
  const connection = hub.accept(link.attach, asked);
  link.say({ t: 'join', th: 't' });
  link.say({ t: 'pub', th: 't', id: 'a', d: 1 });
  await clock.settle();
  expect(connection.threads).toEqual([]);
  expect(framesOf(link, 'err').map((frame) => frame['code'])).toEqual(['forbidden', 'forbidden']);
  expect(errors.splice(0)).toEqual([
    expect.objectContaining({ code, option: 'authorize()' }),
    expect.objectContaining({ code, option: 'authorize()' }),
  ]);
});

it('a mayCancel that answers with something else than true cancels nothing', async () => {
  const { hub, clock, errors, connect } = start();
  const { link, connection } = connect();
  await connection.join('t');
  const options: object = { mayCancel: () => 'no' };
  const stream = hub.thread('t').stream(options);
  link.say({ t: 'cancel', th: 't', s: stream.id });
  await clock.settle();
  expect(stream.signal.aborted).toBe(false);
  expect(framesOf(link, 'err')).toMatchObject([{ code: 'forbidden' }]);
  expect(errors.splice(0)).toMatchObject([{ code, option: 'mayCancel()' }]);
});
