import { afterEach, expect, it } from 'vitest';
import { answer, refuse, type AcceptOptions, type HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

function accept(options: AcceptOptions, hub: HubOptions = {}): FakeLink {
  harness = makeHarness(hub);
  const link = new FakeLink();
  harness.hub.accept(link.attach, { userId: 'ada', authorize: (threadId) => threadId !== 'secret', ...options });
  return link;
}

const pub = (id: string, d: unknown = 1, th = 't') => ({ t: 'pub', th, id, d });

async function answersTo(link: FakeLink, ...frames: object[]): Promise<unknown[]> {
  for (const frame of frames) link.say(frame);
  await harness.clock.settle();
  // the message's id in the thread has its own tests
  return [...framesOf(link, 'ok').map(({ mid: _mid, ...answer }) => answer), ...framesOf(link, 'err')];
}

it('what onPublish sends is accepted, with the position; the same id again is the same message', async () => {
  const link = accept({
    onPublish: ({ threadId, id, data }, { userId }) =>
      harness.hub.thread(threadId).send({ userId, data }, { idempotencyKey: id }),
  });
  link.say({ t: 'join', th: 't' });
  const [first, again, second] = await answersTo(link, pub('a', 'x'), pub('a', 'x'), pub('b', 'y'));
  expect(first).toEqual({ t: 'ok', th: 't', id: 'a', pos: expect.stringMatching(/^[\w-]+\.1\.[\w-]{22}\.a$/) });
  expect(again).toEqual(first);
  expect(second).toMatchObject({ t: 'ok', id: 'b', pos: expect.stringMatching(/\.2\.[\w-]{22}\.b$/) });
  expect(dataOf(link)).toEqual([
    { userId: 'ada', data: 'x' },
    { userId: 'ada', data: 'y' },
  ]);
});

it.each([
  ['nothing', undefined, { t: 'ok', th: 't', id: 'a' }],
  ['true', true, { t: 'ok', th: 't', id: 'a' }],
  ['a promise of null', Promise.resolve(null), { t: 'ok', th: 't', id: 'a' }],
  ['false', false, { t: 'err', code: 'forbidden', th: 't', id: 'a' }],
  ['a 403', refuse(403, 'muted'), { t: 'err', code: 'forbidden', th: 't', id: 'a', why: 'muted' }],
  ['a 429', refuse(429), { t: 'err', code: 'rate-limited', th: 't', id: 'a', why: 'Too Many Requests' }],
])('the answer to %s', async (_, result, answer) => {
  const link = accept({ onPublish: () => result });
  expect(await answersTo(link, pub('a'))).toEqual([answer]);
});

it('what onPublish throws refuses: our errors by their code, others as internal, reported, and never a crash', async () => {
  const link = accept({
    async onPublish({ threadId, data }) {
      if (data === 'ours') await harness.hub.thread(threadId).send(undefined);
      if (data === 'theirs') throw new Error('no database');
    },
  });
  expect(await answersTo(link, pub('a', 'ours'), pub('b', 'theirs'), pub('c'))).toEqual([
    { t: 'ok', th: 't', id: 'c' },
    { t: 'err', code: 'TC_UNSERIALIZABLE_MESSAGE', th: 't', id: 'a' },
    { t: 'err', code: 'internal', th: 't', id: 'b' },
  ]);
  expect(harness.errors).toEqual([expect.objectContaining({ message: 'no database' })]);
});

it('is not asked about a thread that the client may not join, and hears one message after the other', async () => {
  const heard: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const link = accept({
    async onPublish({ data }) {
      heard.push(data);
      if (data === 'slow') await promise;
    },
  });
  expect(await answersTo(link, pub('x', 1, 'secret'), pub('a', 'slow'), pub('b', 'next'))).toEqual([
    { t: 'err', code: 'forbidden', th: 'secret', id: 'x' },
  ]);
  expect(heard).toEqual(['slow']);
  resolve();
  await harness.clock.settle();
  expect(heard).toEqual(['slow', 'next']);
});

it('without onPublish a listener is the application’s yes, and nobody its no', async () => {
  const link = accept({});
  expect(await answersTo(link, pub('a'))).toEqual([{ t: 'err', code: 'unhandled', th: 't', id: 'a' }]);
  const heard: unknown[] = [];
  for (const connection of harness.hub.connections) connection.on('message', ({ id }) => heard.push(id?.slice(-2)));
  expect(await answersTo(link, pub('b'))).toContainEqual({ t: 'ok', th: 't', id: 'b' });
  expect(heard).toEqual(['.b']);
});

it('a listener hears only of threads that the client is in or may join, with onPublish or without', async () => {
  for (const options of [{}, { onPublish: () => true }]) {
    await harness?.close();
    const link = accept(options);
    const heard: unknown[] = [];
    for (const connection of harness.hub.connections) connection.on('message', ({ id }) => heard.push(id?.slice(-2)));
    const answers = await answersTo(link, pub('a', 1, 'secret'), pub('b'));
    expect(answers).toEqual([
      { t: 'ok', th: 't', id: 'b' },
      { t: 'err', code: 'forbidden', th: 'secret', id: 'a' },
    ]);
    expect(heard).toEqual(['.b']);
  }
});

it('ids that are none are refused, and not sent back where they are long', async () => {
  const link = accept({ onPublish: () => true });
  expect(await answersTo(link, pub('no spaces'), pub('a', 1, 'x'.repeat(10_000)))).toEqual([
    { t: 'err', code: 'TC_INVALID_OPTION', th: 't', id: 'no spaces' },
    { t: 'err', code: 'TC_INVALID_THREAD_ID', id: 'a' },
  ]);
});

it('a hub that drains does not refuse: the client publishes again where it comes back to', async () => {
  const link = accept({ onPublish: ({ threadId }) => harness.hub.thread(threadId).send(1) });
  const drained = harness.hub.drain();
  expect(await answersTo(link, pub('a'))).toEqual([]);
  await drained;
  expect(link.closeCode).toBe(1012);
});

it('who sends faster than the limit is closed with 4429; a burst is not that', async () => {
  const link = accept({}, { maxInputPerSecond: 10 });
  const { clock } = harness;
  for (let i = 0; i < 50; i++) link.say({ t: 'ack', th: 't', o: 1 });
  await clock.advance(1_000);
  for (let i = 0; i < 10; i++) link.say({ t: 'ack', th: 't', o: 1 });
  await clock.settle();
  expect(link.isClosed).toBe(false);
  link.say({ t: 'ack', th: 't', o: 1 });
  await clock.settle();
  expect(link.closeCode).toBe(4429);
});

it('what waits for the application is bounded in bytes as well', async () => {
  const link = accept({ onPublish: () => new Promise<void>(() => {}) }, { maxInputBytes: 10_000 });
  for (let i = 0; i < 17; i++) link.say(pub(`m${i}`, 'x'.repeat(9_900)));
  expect(link.isClosed).toBe(false);
  link.say(pub('one-more', 'x'.repeat(9_900)));
  expect(link.closeCode).toBe(4429);
});

/** Publishes on a connection of its own; the message's ids in the thread. */
async function idsOf(options: AcceptOptions, ...ids: readonly string[]): Promise<unknown[]> {
  const link = new FakeLink();
  harness.hub.accept(link.attach, {
    authorize: () => true,
    onPublish: ({ threadId, id, data }) => harness.hub.thread(threadId).send(data, { idempotencyKey: id }),
    ...options,
  });
  for (const id of ids) link.say(pub(id));
  await harness.clock.settle();
  return framesOf(link, 'ok').map(({ id, mid, pos }) => {
    expect(ids).toContain(id);
    expect(String(pos).endsWith(`.${String(mid)}`)).toBe(true);
    return mid;
  });
}

it('the ids of clients are scoped: by user, else by client, else by connection', async () => {
  harness = makeHarness();
  const clientId = 'a-client-with-a-random-name';
  const groups: AcceptOptions[][] = [
    [{ userId: 'ada' }, { userId: 'ada' }, { userId: 'ada', clientId }],
    [{ userId: 'bob' }],
    [{ clientId }, { clientId }, { clientId, userId: undefined }],
    [{ clientId: `${clientId}-2` }],
    [{}],
    [{}],
    // as the scope of somebody else may look
    [{ userId: clientId }],
    [{ userId: 'ada\ud800' }],
    [{ userId: 'ada\udfff' }],
  ];
  const scoped: unknown[] = [];
  for (const group of groups) {
    const ids = await Promise.all(group.map((options) => idsOf(options, 'order-17')));
    expect(new Set(ids.flat()).size).toBe(1);
    scoped.push(ids[0]?.[0]);
  }
  expect(new Set(scoped).size).toBe(groups.length);
  for (const id of scoped) expect(id).toMatch(/^[\w-]{22}\.order-17$/);
  // and none of them keeps the server from a message of its own
  expect(await harness.run(harness.hub.thread('t').send(1, { idempotencyKey: 'order-17' }))).toMatchObject({
    isDuplicate: false,
    id: 'order-17',
  });
});

it('the longest id that a client may choose still makes an id of a message, one for each', async () => {
  harness = makeHarness();
  const longest = ['a'.repeat(128), `${'a'.repeat(127)}b`, 'c'.repeat(105), 'c'.repeat(106)];
  const ids = await idsOf({ userId: 'ada' }, ...longest);
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(id).toMatch(/^[\w-]{22}\.[\w-]{43,105}$/);
  expect(await idsOf({ userId: 'ada' }, ...longest)).toEqual(ids);
});

it('a client that publishes the id of a token stream neither ends it nor keeps its answer out of the log', async () => {
  harness = makeHarness();
  const { hub, run } = harness;
  const stream = hub.thread('t').stream({ id: 'answer' });
  stream.append('text');
  await idsOf({ userId: 'ada' }, 'answer');
  stream.append(' goes on');
  expect(await run(stream.end())).toMatchObject({ id: 'answer', isDuplicate: false });
  const history = (await hub.thread('t').history()).messages;
  expect(JSON.stringify(history)).toContain('text goes on');
});

it('an answer that says where the message is says under which id as well', async () => {
  const link = accept({ onPublish: ({ threadId, data }) => harness.hub.thread(threadId).send(data) });
  link.say(pub('a'));
  await harness.clock.settle();
  const [{ mid, pos } = {}] = framesOf(link, 'ok');
  expect(String(pos).split('.')[2]).toBe(mid);
});

it.each(['short', 'with spaces in its random name', 'x'.repeat(65)])('the clientId %j is refused', (clientId) => {
  harness = makeHarness();
  expect(() => harness.hub.accept(new FakeLink().attach, { clientId })).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'clientId' }),
  );
});

it('answer gives the client data, with the position of the message or without', async () => {
  const link = accept({
    onPublish: async ({ threadId, id, data }) =>
      answer(
        { got: data },
        data === 'send' ? await harness.hub.thread(threadId).send(data, { idempotencyKey: id }) : undefined,
      ),
  });
  const [sent, bare] = await answersTo(link, pub('a', 'send'), pub('b', 'x'));
  expect(sent).toEqual({ t: 'ok', th: 't', id: 'a', pos: expect.stringMatching(/\.1\./), d: { got: 'send' } });
  expect(bare).toEqual({ t: 'ok', th: 't', id: 'b', d: { got: 'x' } });
});

it.each([
  ['x'.repeat(65_535), 'TC_ANSWER_TOO_LARGE'],
  [1n, 'internal'],
])('an answer that cannot be sent is a refusal and an error event: %#', async (data, code) => {
  const link = accept({ onPublish: () => answer(data) });
  expect(await answersTo(link, pub('a'))).toEqual([{ t: 'err', th: 't', id: 'a', code }]);
  expect(harness.errors.splice(0)).toHaveLength(1);
});

it.each([undefined, () => 1])('an answer without data is an acceptance: %#', async (data) => {
  const link = accept({ onPublish: () => answer(data) });
  expect(await answersTo(link, pub('a'))).toEqual([{ t: 'ok', th: 't', id: 'a' }]);
});
