import { type } from 'arktype';
import * as v from 'valibot';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineThread, type StandardSchema, type ThreadDefinition } from '../../src/define/index.ts';
import type { AcceptOptions, HubOptions, PublishedMessage } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

/** A client in a hub with these definitions, and what `onPublish` has been given. */
function accept(
  threads: readonly ThreadDefinition[],
  options: AcceptOptions<ThreadDefinition> = {},
  hub: HubOptions = {},
) {
  harness = makeHarness({ threads, ...hub });
  const link = new FakeLink();
  const published: PublishedMessage[] = [];
  const connection = harness.hub.accept(link.attach, {
    userId: 'ada',
    authorize: (threadId) => threadId !== 'room:secret',
    onPublish: (message) => void published.push(message),
    ...options,
  });
  const publish = async (th: string, d: unknown): Promise<unknown> => {
    link.say({ t: 'pub', th, id: 'a', d });
    await harness.clock.settle();
    return [...framesOf(link, 'ok'), ...framesOf(link, 'err')].at(-1);
  };
  return { link, connection, published, publish };
}

const schemas: readonly [string, StandardSchema][] = [
  ['zod', z.object({ user: z.object({ name: z.string().trim().min(1) }), tags: z.array(z.string()).max(2) })],
  [
    'valibot',
    v.object({
      user: v.object({ name: v.pipe(v.string(), v.trim(), v.minLength(1)) }),
      tags: v.pipe(v.array(v.string()), v.maxLength(2)),
    }),
  ],
  ['arktype', type({ user: { name: 'string.trim |> string > 0' }, tags: 'string[] <= 2' })],
];

describe.each(schemas)('%s', (_, message) => {
  const room = defineThread('room:*', { message });

  it('onPublish gets what the schema gives', async () => {
    const { published, publish } = accept([room]);
    expect(await publish(room('1'), { user: { name: ' Ada ' }, tags: [] })).toMatchObject({ t: 'ok', id: 'a' });
    expect(published).toMatchObject([
      { threadId: 'room:1', pattern: 'room:*', data: { user: { name: 'Ada' }, tags: [] } },
    ]);
  });

  it('what it refuses is answered with the paths, and onPublish does not see it', async () => {
    const { published, publish } = accept([room]);
    expect(await publish(room('1'), { user: { name: 1 }, tags: [] })).toEqual({
      t: 'err',
      code: 'invalid',
      th: 'room:1',
      id: 'a',
      why: expect.stringMatching(/^user\.name: ./),
      paths: ['user.name'],
    });
    expect(await publish(room('1'), { user: { name: 'Ada' }, tags: ['a', 2] })).toMatchObject({ paths: ['tags.1'] });
    expect(await publish(room('1'), 'text')).toMatchObject({ code: 'invalid', paths: [''] });
    expect(published).toEqual([]);
    expect(harness.errors).toEqual([]);
  });
});

it('a thread without a definition takes everything', async () => {
  const { published, publish } = accept([defineThread('room:*', { message: z.string() })]);
  expect(await publish('rooms', { any: 1 })).toMatchObject({ t: 'ok' });
  expect(await publish('room:', { any: 1 })).toMatchObject({ t: 'ok' });
  expect(published).toMatchObject([
    { pattern: undefined, data: { any: 1 } },
    { pattern: undefined, data: { any: 1 } },
  ]);
});

it('the longest pattern counts, in whatever order they come', async () => {
  const of = (pattern: `${string}*`, text: string): ThreadDefinition =>
    defineThread(pattern, { message: z.literal(text) });
  const { published, publish } = accept([of('room:*', 'b'), of('*', 'a'), of('room:vip:*', 'c'), of('roam:*', 'd')]);
  await publish('x', 'a');
  await publish('room:1', 'b');
  await publish('room:vip:', 'b');
  await publish('room:vip:1', 'c');
  await publish('roam:1', 'd');
  await publish('roam:1', 'b');
  expect(published.map(({ pattern }) => pattern)).toEqual(['*', 'room:*', 'room:*', 'room:vip:*', 'roam:*']);
});

it('publish has a schema of its own where it is given', async () => {
  const order = defineThread('order:*', {
    message: z.object({ status: z.string() }),
    publish: z.coerce.number().int(),
  });
  const { published, publish } = accept([order]);
  expect(await publish(order('1'), '7')).toMatchObject({ t: 'ok' });
  expect(await publish(order('1'), { status: 'paid' })).toMatchObject({ code: 'invalid' });
  expect(published.map(({ data }) => data)).toEqual([7]);
});

it('listeners for messages get the same as onPublish', async () => {
  const { connection, link } = accept([defineThread('room:*', { message: z.string().trim() })], {
    onPublish: undefined,
  });
  const heard: unknown[] = [];
  connection.on('message', ({ data }) => heard.push(data));
  link.say({ t: 'pub', th: 'room:1', id: 'a', d: ' x ' });
  link.say({ t: 'pub', th: 'room:1', id: 'b', d: 7 });
  await harness.clock.settle();
  expect(heard).toEqual(['x']);
  expect(framesOf(link, 'err')).toMatchObject([{ id: 'b', code: 'invalid' }]);
});

it('a client that may not publish in the thread is refused before the schema is asked', async () => {
  let asked = 0;
  const message = z.string().refine(() => ++asked > 0);
  const { publish } = accept([defineThread('room:*', { message })]);
  expect(await publish('room:secret', 'x')).toMatchObject({ code: 'forbidden' });
  expect(asked).toBe(0);
});

/** A schema that does as the test says. */
function schema(validate: (value: unknown) => unknown): StandardSchema {
  const standard = { version: 1, vendor: 'test', validate: () => ({ value: undefined }) } as const;
  // what a faulty library gives has no type
  return { '~standard': Object.defineProperty({ ...standard }, 'validate', { value: validate }) };
}

it('of thousands of issues, and of long ones, a client is told the beginning', async () => {
  const issues = Array.from({ length: 5_000 }, (_, i) => ({
    message: 'm'.repeat(9_999),
    path: ['p'.repeat(9_999), i],
  }));
  const { publish } = accept([defineThread('room:*', { message: schema(() => ({ issues })) })]);
  const answer = await publish('room:1', 1);
  expect(answer).toMatchObject({ code: 'invalid', paths: Array.from({ length: 16 }, () => 'p'.repeat(256)) });
  expect(JSON.stringify(answer).length).toBeLessThan(16_384);
});

it('a path may have keys of all kinds', async () => {
  const issues = [{ message: 'm', path: [{ key: 'a' }, 0, Symbol('s'), { key: 1 }] }, { message: 'whole' }];
  const { publish } = accept([defineThread('room:*', { message: schema(() => ({ issues })) })]);
  expect(await publish('room:1', 1)).toMatchObject({
    paths: ['a.0.Symbol(s).1', ''],
    why: 'a.0.Symbol(s).1: m; whole',
  });
});

it.each<[string, (value: unknown) => unknown]>([
  [
    'throws',
    () => {
      throw new Error('mine');
    },
  ],
  ['rejects', () => Promise.reject(new Error('mine'))],
  ['gives nothing', () => undefined],
  ['gives junk', () => ({ issues: 7 })],
])('a schema that %s refuses the message as internal, and is reported', async (_, validate) => {
  const { published, publish } = accept([defineThread('room:*', { message: schema(validate) })]);
  expect(await publish('room:1', 1)).toEqual({ t: 'err', code: 'internal', th: 'room:1', id: 'a' });
  expect(published).toEqual([]);
  expect(harness.errors).toHaveLength(1);
});

it('a schema that does not answer is given up after answerTimeoutMs', async () => {
  const { published, publish } = accept(
    [defineThread('room:*', { message: schema(() => new Promise(() => {})) })],
    {},
    { answerTimeoutMs: 1_000 },
  );
  expect(await publish('room:1', 1)).toBeUndefined();
  await harness.clock.advance(2_500);
  expect(await publish('plain', 1)).toMatchObject({ t: 'err', code: 'TC_ANSWER_TIMEOUT', th: 'room:1' });
  expect(harness.errors).toMatchObject([{ code: 'TC_ANSWER_TIMEOUT', callback: 'schema' }]);
  expect(published).toMatchObject([{ threadId: 'plain' }]);
});

it('an asynchronous schema is waited for, and messages keep their order', async () => {
  const waits: (() => void)[] = [];
  const message = schema(async (value) => {
    if (value === 'slow') await new Promise<void>((resolve) => void waits.push(resolve));
    return value === 'bad' ? { issues: [{ message: 'bad' }] } : { value: `${String(value)}!` };
  });
  const { link, published } = accept([defineThread('room:*', { message })]);
  for (const d of ['slow', 'quick', 'bad']) link.say({ t: 'pub', th: 'room:1', id: d, d });
  await harness.clock.settle();
  expect(published).toEqual([]);
  waits[0]?.();
  await harness.clock.settle();
  expect(published.map(({ data }) => data)).toEqual(['slow!', 'quick!']);
  expect(framesOf(link, 'err')).toMatchObject([{ id: 'bad', code: 'invalid', why: 'bad' }]);
});

it('a member that is taken out of the thread while its message is checked is asked about anew', async () => {
  let go = (): void => {};
  const message = schema(async (value) => {
    await new Promise<void>((resolve) => void (go = resolve));
    return { value };
  });
  const { connection, published, link } = accept([defineThread('room:*', { message })]);
  await harness.run(connection.join('room:secret'));
  link.say({ t: 'pub', th: 'room:secret', id: 'a', d: 1 });
  await harness.clock.settle();
  connection.leave('room:secret');
  go();
  await harness.clock.settle();
  expect(framesOf(link, 'err')).toMatchObject([{ id: 'a', code: 'forbidden' }]);
  expect(published).toEqual([]);
});

it('a message that is checked when its connection ends is nobody’s', async () => {
  let go = (): void => {};
  const message = schema(async (value) => {
    await new Promise<void>((resolve) => void (go = resolve));
    return { value };
  });
  const { connection, published, publish } = accept([defineThread('room:*', { message })]);
  await publish('room:1', 1);
  connection.close();
  go();
  await harness.clock.settle();
  expect(published).toEqual([]);
});
