import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import {
  createHub,
  inWorker,
  memoryLog,
  streamArray,
  streamObject,
  type Hub,
  type HubOptions,
} from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf } from '../support/harness.ts';
import { closeHub, SteppedClock } from '../support/stepped-clock.ts';
import { serveWs, WsClient } from '../support/ws-server.ts';

let close = (): Promise<void> => Promise.resolve();

afterEach(() => close());

async function start(options: HubOptions = {}): Promise<{ hub: Hub; link: FakeLink }> {
  // how long a message may take is what one test is about: it says so
  const hub = createHub({ ...options, serializer: { timeoutMs: 60_000, ...options.serializer } });
  close = () => closeHub(hub, options.clock);
  const link = new FakeLink();
  const connection = hub.accept(link.attach);
  await connection.join('t');
  await connection.join('u');
  return { hub, link };
}

/** Some three megabytes of JSON, which take many slices. */
const rows = (): object[] => Array.from({ length: 30_000 }, (_, i) => ({ i, text: `row ${i}`.padEnd(80, '.') }));

it('a small message waits for a big one in its thread and lane, and for nothing else', async () => {
  const { hub, link } = await start();
  const big = hub.thread('t').send(rows());
  const small = hub.thread('t').send('small');
  await hub.thread('t').send('critical', { lane: 'critical' });
  await hub.thread('u').send('elsewhere');
  expect(dataOf(link)).toEqual(['critical', 'elsewhere']);
  expect(await big).toMatchObject({ strategy: 'sliced' });
  await small;
  await expect.poll(() => dataOf(link).length).toBe(4);
  const [, , third, fourth] = dataOf(link);
  expect(third).toEqual(rows());
  expect(fourth).toBe('small');
});

it('a value taken as a snapshot may be changed at once', async () => {
  const { hub, link } = await start();
  const value = { list: rows(), when: 'then' };
  const sent = hub.thread('t').send(value, { snapshot: true });
  value.when = 'later';
  value.list.length = 0;
  expect(await sent).toMatchObject({ strategy: 'snapshot' });
  await expect.poll(() => dataOf(link).length).toBe(1);
  const [got] = dataOf(link);
  expect(got).toEqual({ list: rows(), when: 'then' });
});

it('streams what never is in memory together', async () => {
  const { hub, link } = await start();
  async function* cursor(): AsyncGenerator<object> {
    for (let i = 0; i < 1_000; i++) {
      await Promise.resolve();
      yield { i };
    }
  }
  const byName = new Map([
    ['ada', 1],
    ['bob', 2],
  ]);
  await hub.thread('t').send({ rows: streamArray(cursor()), users: streamObject(byName) });
  const all = Array.from({ length: 1_000 }, (_, i) => ({ i }));
  expect(dataOf(link)).toEqual([{ rows: all, users: { ada: 1, bob: 2 } }]);
});

it('what cannot be serialized is rejected with its path, uses no offset, and gives its memory back', async () => {
  const { hub, link } = await start({ maxMessageBytes: 2_000_000, log: memoryLog({ maxEntries: 1 }) });
  const cycle: { list: unknown[] } = { list: rows() };
  cycle.list[20_000] = { deep: { back: cycle } };
  const thread = hub.thread('t');
  const cause = new Error('not this one');
  const thrower = {
    toJSON() {
      throw cause;
    },
  };
  await expect(thread.send([...rows().slice(0, 6_000), { n: 1n }])).rejects.toMatchObject({
    code: 'TC_UNSERIALIZABLE_MESSAGE',
    path: '$[6000].n',
  });
  await expect(thread.send({ a: rows().slice(0, 6_000), b: thrower })).rejects.toMatchObject({
    code: 'TC_UNSERIALIZABLE_MESSAGE',
    path: '$.b',
    cause,
  });
  await expect(thread.send(rows())).rejects.toMatchObject({ code: 'TC_MESSAGE_TOO_LARGE', limit: 2_000_000 });
  const wide = createHub({ serializer: { timeoutMs: 60_000 } });
  await expect(wide.thread('t').send(cycle)).rejects.toMatchObject({ path: '$.list[20000].deep.back' });
  await wide.close();
  await thread.send('fine');
  expect(framesOf(link, 'msg')).toMatchObject([{ o: 1, d: 'fine' }]);
  expect(hub.stats()).toMatchObject({ serializing: 0, segmentsInUse: 0 });
});

it('what reading a small message throws is a coded error, too', async () => {
  const { hub, link } = await start();
  const thread = hub.thread('t');
  const cause = new Error('boom');
  const thrower = {
    get bad(): never {
      throw cause;
    },
  };
  await expect(thread.send({ list: [thrower] })).rejects.toMatchObject({
    code: 'TC_UNSERIALIZABLE_MESSAGE',
    path: '$.list[0].bad',
    cause,
  });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const message of [proxy, { proxy }, [Object.create(proxy)]]) {
    await expect(thread.send(message)).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
    await expect(thread.send(message, { snapshot: true })).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
  }
  await thread.send('fine');
  expect(framesOf(link, 'msg')).toMatchObject([{ o: 1, d: 'fine' }]);
  expect(hub.stats()).toMatchObject({ serializing: 0, segmentsInUse: 0 });
});

it('a message that is a proxy sees no other traps than from JSON.stringify', async () => {
  const { hub } = await start();
  const traps: string[] = [];
  const message = new Proxy(
    { a: 1 },
    {
      get: (target, key, receiver) => (traps.push(`get ${String(key)}`), Reflect.get(target, key, receiver)),
      getPrototypeOf: (target) => (traps.push('getPrototypeOf'), Reflect.getPrototypeOf(target)),
      ownKeys: (target) => (traps.push('ownKeys'), Reflect.ownKeys(target)),
    },
  );
  JSON.stringify(message);
  const expected = traps.splice(0);
  await hub.thread('t').send(message);
  expect(traps).toEqual(expected);
});

it('a source that never ends is given up at the deadline', async () => {
  const { hub } = await start({ serializer: { timeoutMs: 50 } });
  let isReturned = false;
  async function* endless(): AsyncGenerator<number> {
    try {
      for (;;) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        yield 1;
      }
    } finally {
      isReturned = true;
    }
  }
  await expect(hub.thread('t').send(streamArray(endless()))).rejects.toMatchObject({
    code: 'TC_SERIALIZATION_TIMEOUT',
    timeoutMs: 50,
  });
  await expect.poll(() => isReturned).toBe(true);
  expect(hub.stats().segmentsInUse).toBe(0);
});

it('refuses more than the queue holds, and takes messages again when it has eased', async () => {
  const { hub } = await start({ serializer: { maxQueue: 2 } });
  const thread = hub.thread('t');
  const first = [thread.send(rows()), hub.thread('u').send(rows())];
  await expect(thread.send(rows())).rejects.toMatchObject({ code: 'TC_SERIALIZER_QUEUE_FULL', queued: 2, limit: 2 });
  expect(hub.pressure).toBe(1);
  // small ones need no place
  await expect(hub.thread('v').send('small')).resolves.toMatchObject({ strategy: 'inline' });
  await thread.ready();
  await expect(hub.thread('v').send(rows())).resolves.toMatchObject({ strategy: 'sliced' });
  await Promise.all(first);
});

it('publishers that wait for a place are let in one after the other, also to threads that are not open yet', async () => {
  const { hub } = await start({ serializer: { maxQueue: 2 } });
  const gates: (() => void)[] = [];
  async function* source(): AsyncGenerator<number> {
    yield await new Promise<number>((resolve) => void gates.push(() => resolve(1)));
  }
  const letIn: string[] = [];
  let sent = 0;
  const publish = async (id: string): Promise<void> => {
    await hub.thread(id).ready();
    letIn.push(id);
    await hub.thread(id).send(streamArray(source()));
    sent++;
  };
  const first = [publish('a'), publish('b')];
  await expect.poll(() => hub.stats().serializer).toBe('saturated');
  const ids = Array.from({ length: 20 }, (_, i) => `p${i}`);
  const rest = ids.map(publish);
  // who has nothing big to send takes no place, and passes it on
  const idle = hub.thread('idle').ready();
  const all = Promise.all([...first, ...rest, idle]);
  for (let turn = 0; turn < 10_000 && sent < 2 + ids.length; turn++) {
    gates.shift()?.();
    await nextTurn();
  }
  await all;
  expect(letIn).toEqual(['a', 'b', ...ids]);
});

it('a recipe that fails is an error of its send, and the workers go on', async () => {
  const { hub, link } = await start({ serializer: { workers: 1 } });
  const recipe = (source: string) => inWorker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  const thread = hub.thread('t');
  await expect(thread.send(recipe('export default () => { throw new Error("no data") }'))).rejects.toMatchObject({
    code: 'TC_WORKER_FAILED',
    cause: expect.objectContaining({ message: 'no data' }),
  });
  await expect(thread.send(recipe('export default () => process.exit(1)'))).rejects.toMatchObject({
    code: 'TC_WORKER_FAILED',
  });
  await expect(thread.send(recipe('export default () => ({ built: true })'))).resolves.toMatchObject({
    strategy: 'pooled',
  });
  expect(framesOf(link, 'msg')).toMatchObject([{ o: 1, d: { built: true } }]);
});

it('workers that keep failing degrade the serializer: slices go on, one recipe at a time is tried', async () => {
  const { hub } = await start({ serializer: { workers: 2 } });
  const states: string[] = [];
  hub.on('transition', ({ machine, to }) => machine === 'serializer' && states.push(to));
  const recipe = (source: string) => inWorker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  const thread = hub.thread('t');
  for (let i = 0; i < 3; i++) await thread.send(recipe(`export default () => process.exit(${i})`)).catch(() => {});
  expect(states).toEqual(['degraded']);
  await expect(hub.thread('u').send(rows())).resolves.toMatchObject({ strategy: 'sliced' });
  const good = recipe('export default () => "well again"');
  const [first, second] = await Promise.allSettled([thread.send(good), hub.thread('u').send(good)]);
  expect(first.status).toBe('fulfilled');
  expect(second).toMatchObject({ status: 'rejected', reason: { code: 'TC_WORKER_FAILED' } });
  expect(states).toEqual(['degraded', 'ready']);
});

it('a recipe that may run here does so while workers keep failing', async () => {
  const { hub, link } = await start({ serializer: { workers: 1 } });
  const gate = new SharedArrayBuffer(4);
  const here = (source: string) =>
    inWorker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { rows: 3, gate }, { runsHere: true });
  const isMain =
    'import { isMainThread } from "node:worker_threads"; export default ({ rows }) => [isMainThread, rows]';
  const thread = hub.thread('t');
  await expect(thread.send(here(isMain))).resolves.toMatchObject({ strategy: 'pooled' });
  for (let i = 0; i < 3; i++) await thread.send(here('export default () => process.exit(1)')).catch(() => {});
  expect(hub.stats().serializer).toBe('degraded');
  const opened = 'Atomics.waitAsync(new Int32Array(gate), 0, 0).value';
  const onTrial = thread.send(here(`export default async ({ gate }) => (await ${opened}, "well")`));
  await expect(hub.thread('u').send(here(isMain))).resolves.toMatchObject({ strategy: 'sliced' });
  await expect(hub.thread('u').send(here('export default () => { throw new Error("no data") }'))).rejects.toMatchObject(
    { code: 'TC_WORKER_FAILED', cause: expect.objectContaining({ message: 'no data' }) },
  );
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  await onTrial;
  expect(framesOf(link, 'msg').map(({ d }) => d)).toEqual([[false, 3], [true, 3], 'well']);
});

it('a recipe that runs here has the same deadline', async () => {
  const clock = new SteppedClock();
  const { hub } = await start({ clock, serializer: { workers: 1, timeoutMs: 1_000 } });
  const here = (source: string) =>
    inWorker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), undefined, { runsHere: true });
  for (let i = 0; i < 3; i++)
    await hub
      .thread('t')
      .send(here('export default () => process.exit(1)'))
      .catch(() => {});
  const never = here('export default () => new Promise((resolve) => setTimeout(resolve, 3_600_000).unref())');
  const sent = [hub.thread('t').send(never), hub.thread('u').send(never)];
  const outcomes = await clock.advanceUntilSettled(Promise.allSettled(sent), 200);
  expect(outcomes).toMatchObject([
    { reason: { code: 'TC_SERIALIZATION_TIMEOUT', strategy: 'pooled' } },
    { reason: { code: 'TC_SERIALIZATION_TIMEOUT', strategy: 'sliced' } },
  ]);
});

it('a full queue is waited for and known also while workers keep failing', async () => {
  const { hub } = await start({ serializer: { workers: 1, maxQueue: 1 } });
  const states: string[] = [];
  const recipe = (source: string) => inWorker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  const thread = hub.thread('t');
  for (let i = 0; i < 3; i++) await thread.send(recipe('export default () => process.exit(1)')).catch(() => {});
  expect(hub.stats().serializer).toBe('degraded');
  const big = thread.send(rows());
  let isReady = false;
  const ready = thread.ready().then(() => (isReady = true));
  await expect(hub.thread('u').send(rows())).rejects.toMatchObject({ code: 'TC_SERIALIZER_QUEUE_FULL' });
  expect(isReady).toBe(false);
  await Promise.all([big, ready]);
  hub.on('transition', ({ machine, to }) => machine === 'serializer' && states.push(to));
  await thread.send(recipe('export default () => "well again"'));
  expect(states).toEqual(['ready', 'saturated', 'ready']);
});

it('in development, a message that is changed while it is being sent is reported', async () => {
  const { hub, link } = await start({ development: true, log: memoryLog({ maxEntries: 1 }) });
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  const thread = hub.thread('t');
  const list = rows();
  await thread.send(list);
  await thread.send({ small: 1 });
  await thread.send({ rows: streamArray(rows()) });
  expect(errors).toEqual([]);
  const value = { list, status: 'then' };
  const sent = thread.send(value);
  value.status = 'later';
  expect(await sent).toMatchObject({ strategy: 'sliced' });
  expect(errors).toEqual([
    expect.objectContaining({
      code: 'TC_MESSAGE_CHANGED',
      byte: JSON.stringify(value).length - 'later"}'.length,
      before: expect.stringContaining('"status":"then"}'),
      after: expect.stringContaining('"status":"later"}'),
      cause: expect.objectContaining({ stack: expect.stringContaining('serializer.sockets.test.ts') }),
    }),
  ]);
  await expect.poll(() => dataOf(link).length).toBe(4);
  await expect(thread.send({ list, bad: 1n })).rejects.toMatchObject({
    code: 'TC_UNSERIALIZABLE_MESSAGE',
    path: '$.bad',
  });
  await thread.send('the log has room for one');
  await expect.poll(() => hub.stats().segmentsInUse).toBe(0);
});

it('segments come back when log and sockets are done, also when a connection dies in the middle', async () => {
  const server = await serveWs({ hub: { log: memoryLog({ maxEntries: 2 }) } });
  const [reader, dying] = [new WsClient(server.url, 't'), new WsClient(server.url, 't')];
  await Promise.all([reader, dying].map((client) => client.until(({ isJoined }) => isJoined)));
  dying.socket.pause();
  for (let i = 0; i < 4; i++) await server.hub.thread('t').send(rows());
  await reader.until(({ messages }) => messages.length === 4);
  expect(server.hub.stats().segmentsInUse).toBeGreaterThan(20);
  dying.socket.terminate();
  await server.hub.thread('t').send('small');
  await server.hub.thread('t').send('small');
  await reader.until(({ messages }) => messages.length === 6);
  await expect.poll(() => server.hub.stats().segmentsInUse).toBe(0);
  await server.close();
});

it('a hub that closes gives up what is being serialized', async () => {
  const { hub } = await start();
  const sent = hub.thread('t').send(rows());
  const refused = sent.catch((error: unknown) => error);
  await hub.close();
  expect(await refused).toMatchObject({ code: 'TC_HUB_CLOSED' });
  expect(hub.stats().segmentsInUse).toBe(0);
});
