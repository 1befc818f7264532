import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { refuse, type AcceptOptions, type Connection, type HubOptions } from '../../src/index.ts';
import { defineThread } from '../../src/define/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { slowLog } from '../support/slow-log.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

const make = (options: HubOptions = {}): Harness => (harness = makeHarness(options));

function accept(options: AcceptOptions = {}): { readonly link: FakeLink; readonly connection: Connection } {
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, { authorize: (id) => id !== 'secret', ...options });
  return { link, connection };
}

const join = { t: 'join', th: 't', values: true };

/** The frames of values that a client has had: what they say, `all` first. */
const valuesOf = (link: FakeLink): unknown[] =>
  framesOf(link, 'vals').map(({ all, l }) => (all === true ? ['all', l] : l));

/** What a client has after them. */
function viewOf(link: FakeLink): Record<string, unknown> {
  const view = new Map<string, unknown>();
  for (const { all, l } of framesOf(link, 'vals')) {
    if (all === true) view.clear();
    if (!Array.isArray(l)) continue;
    for (const entry of l) {
      if (!Array.isArray(entry)) continue;
      if (entry.length > 1) view.set(String(entry[0]), entry[1]);
      else view.delete(String(entry[0]));
    }
  }
  return Object.fromEntries(view);
}

const values = (threadId = 't') => harness.hub.thread(threadId).values;

describe('the application', () => {
  it('sets, gets, lists and deletes values', async () => {
    make();
    await values().set('topic', { text: 'ä' });
    await values().set('__proto__', null);
    await values().set('topic', 2);
    expect(await values().get('topic')).toBe(2);
    expect(await values().get('__proto__')).toBe(null);
    expect(await values().get('none')).toBe(undefined);
    expect(new Map(await values().entries())).toEqual(
      new Map<string, unknown>([
        ['topic', 2],
        ['__proto__', null],
      ]),
    );
    expect(await values('other').entries()).toEqual([]);
    expect(await values().delete('topic')).toBe(true);
    expect(await values().delete('topic')).toBe(false);
    expect(harness.hub.stats()).toMatchObject({ valueChanges: 4, threads: 0 });
  });

  it('sets values that end with their time, or with a connection', async () => {
    make();
    const { connection } = accept();
    await connection.join('t');
    await values().set('a', 1, { ttlMs: 500 });
    await values().set('b', 1, { connection });
    await values().set('c', 1, { connection });
    await values().set('c', 2);
    await values('u').set('d', 1, { connection });
    await harness.clock.advance(600);
    expect(await values().entries()).toEqual([
      ['b', 1],
      ['c', 2],
    ]);
    connection.leave('t');
    expect(await values().entries()).toEqual([['c', 2]]);
    expect(await values('u').get('d')).toBe(1);
    connection.close();
    await harness.clock.settle();
    expect(await values('u').get('d')).toBe(undefined);
    await expect(values().set('e', 1, { connection })).rejects.toMatchObject({ code: 'TC_CONNECTION_CLOSED' });
    await expect(values().set('e', 1, { connection: { id: 'forged' } })).rejects.toMatchObject({
      code: 'TC_CONNECTION_CLOSED',
    });
    expect(await values().get('e')).toBe(undefined);
  });

  it.each<[string, string, unknown, object, string]>([
    ['an empty key', '', 1, {}, 'TC_INVALID_OPTION'],
    ['a long key', 'ä'.repeat(65), 1, {}, 'TC_INVALID_OPTION'],
    ['a control character', 'a\n', 1, {}, 'TC_INVALID_OPTION'],
    ['nothing', 'a', undefined, {}, 'TC_UNSERIALIZABLE_MESSAGE'],
    ['a BigInt', 'a', 1n, {}, 'TC_UNSERIALIZABLE_MESSAGE'],
    ['too much', 'a', 'x'.repeat(4_095), {}, 'TC_VALUE_LIMIT'],
    ['a time that is none', 'a', 1, { ttlMs: 0 }, 'TC_INVALID_OPTION'],
    ['an unknown option', 'a', 1, { ttl: 5 }, 'TC_INVALID_OPTION'],
  ])('is refused %s', async (_, key, value, options, code) => {
    make();
    await expect(values().set(key, value, options)).rejects.toMatchObject({ code });
    expect(await values().entries()).toEqual([]);
  });

  it('is held to the definition in development', async () => {
    const room = defineThread('room:*', { message: z.object({}), values: { seen: z.number() } });
    const { hub } = make({ threads: [room], development: true });
    const thread = hub.thread(room('1'));
    await thread.values.set('seen', 3);
    await expect(harness.hub.thread('room:1').values.set('seen', 'x')).rejects.toMatchObject({
      code: 'TC_INVALID_MESSAGE',
    });
    await expect(harness.hub.thread('room:1').values.set('other', 1)).rejects.toMatchObject({
      code: 'TC_INVALID_MESSAGE',
    });
    await harness.hub.thread('room:1').values.set('~own', 1);
    expect(await thread.values.get('seen')).toBe(3);
  });

  it('erases values with their thread, and gets no thread opened by asking', async () => {
    make();
    const { link } = accept();
    link.say(join);
    await harness.run(values().set('a', 'secret'));
    await harness.run(harness.hub.thread('t').delete());
    expect(await values().entries()).toEqual([]);
    expect(await values('new').get('a')).toBe(undefined);
    expect([...harness.hub.threads].map(({ id }) => id)).not.toContain('new');
  });

  it('is told that its log has no values', async () => {
    const clock = new VirtualClock();
    make({ clock, log: slowLog(clock, 0) });
    await expect(values().set('a', 1)).rejects.toMatchObject({ code: 'TC_LOG_UNSUPPORTED', feature: 'values' });
    await expect(values().get('a')).rejects.toMatchObject({ code: 'TC_LOG_UNSUPPORTED' });
    const { link } = accept();
    link.say(join);
    await harness.clock.advance(10);
    expect(framesOf(link, 'joined')).toHaveLength(1);
  });
});

describe('a member that asks for values', () => {
  it('gets all of them after its join, then each change; others get none', async () => {
    make();
    await values().set('a', 1);
    const [reader, silent, plain] = [accept(), accept(), accept({ format: 'plain' })];
    reader.link.say(join);
    silent.link.say({ t: 'join', th: 't' });
    await harness.run(plain.connection.join('t'));
    await harness.clock.advance(50);
    expect(reader.link.messages.at(-2)).toMatchObject({ t: 'joined' });
    expect(reader.link.messages.at(-1)).toEqual({ t: 'vals', th: 't', all: true, l: [['a', 1]] });
    await harness.run(values().set('b', { x: [null] }));
    await harness.clock.advance(50);
    await harness.run(values().delete('a'));
    await harness.clock.advance(50);
    expect(valuesOf(reader.link)).toEqual([['all', [['a', 1]]], [['b', { x: [null] }]], [['a']]]);
    expect(framesOf(silent.link, 'vals')).toEqual([]);
    expect(plain.link.received).toEqual([]);
    expect(harness.hub.stats().valueFrames).toBe(3);
    expect(harness.hub.thread('t').stats.values).toBe(1);
  });

  it('gets an empty list where there are none, so that it knows', async () => {
    make();
    const { link } = accept();
    link.say({ t: 'joins', l: [['t', 1, null, null, null, true]] });
    await harness.clock.settle();
    expect(valuesOf(link)).toEqual([['all', []]]);
  });

  it('gets the changes of a window together, of each key the newest', async () => {
    make();
    const { link } = accept();
    link.say(join);
    await harness.clock.advance(100);
    for (let i = 0; i < 50; i++) await harness.run(values().set(`k${i % 2}`, i));
    await harness.clock.advance(40);
    expect(valuesOf(link)).toEqual([
      ['all', []],
      [['k0', 0]],
      [
        ['k0', 48],
        ['k1', 49],
      ],
    ]);
  });

  it('is not sent what stays the same', async () => {
    make();
    const { link } = accept();
    link.say(join);
    await harness.clock.advance(50);
    await harness.run(values().set('a', 1, { ttlMs: 1_000 }));
    await harness.clock.advance(500);
    await harness.run(values().set('a', 1, { ttlMs: 1_000 }));
    await harness.clock.advance(900);
    expect(valuesOf(link)).toEqual([['all', []], [['a', 1]]]);
    await harness.clock.advance(200);
    expect(viewOf(link)).toEqual({});
  });

  it('that takes nothing meanwhile gets only the newest, and delays no one', async () => {
    make();
    const [slow, quick] = [accept(), accept()];
    for (const { link } of [slow, quick]) link.say(join);
    await harness.clock.settle();
    slow.link.stall();
    // fills the socket
    for (let i = 0; i < 5; i++) await harness.run(harness.hub.thread('t').send('x'.repeat(200_000)));
    for (let i = 0; i < 100; i++) {
      await harness.run(values().set('a', i));
      if (i % 10 === 0) await harness.run(values().set(`gone${i}`, 1));
      if (i % 10 === 5) await harness.run(values().delete(`gone${i - 5}`));
      await harness.clock.advance(40);
    }
    expect(viewOf(quick.link)).toEqual({ a: 99 });
    slow.link.resume();
    await harness.clock.advance(100);
    expect(viewOf(slow.link)).toEqual({ a: 99 });
    expect(framesOf(slow.link, 'vals').length).toBeLessThan(4);
    expect(framesOf(quick.link, 'vals').length).toBeGreaterThan(90);
  });

  it('that is very far behind gets all values anew, without those that were removed', async () => {
    make();
    const { link } = accept();
    link.say(join);
    await harness.run(values().set('old', 1));
    link.stall();
    for (let i = 0; i < 5; i++) await harness.run(harness.hub.thread('t').send('x'.repeat(200_000)));
    await harness.run(values().delete('old'));
    for (let i = 0; i < 1_500; i++) {
      await values().set(`k${i}`, 1);
      await values().delete(`k${i}`);
    }
    await harness.run(values().set('new', 1));
    link.resume();
    await harness.clock.advance(200);
    expect(viewOf(link)).toEqual({ new: 1 });
    expect(valuesOf(link).at(-1)).toEqual(['all', [['new', 1]]]);
  });

  it('gets all of them again when it joins again', async () => {
    make();
    await values().set('a', 1);
    const { link } = accept();
    link.say({ t: 'join', th: 't' });
    await harness.clock.settle();
    link.say(join);
    await harness.clock.settle();
    link.say({ ...join, from: 'start' });
    await harness.clock.settle();
    expect(valuesOf(link)).toEqual([
      ['all', [['a', 1]]],
      ['all', [['a', 1]]],
    ]);
  });
});

describe('a client that sets values', () => {
  const set = (key: string, d?: unknown, more: object = {}) => ({
    t: 'val',
    th: 't',
    id: `id-${key}`,
    key,
    d,
    ...more,
  });

  async function answersTo(link: FakeLink, ...frames: object[]): Promise<unknown[]> {
    for (const frame of frames) link.say(frame);
    await harness.clock.settle();
    return [...framesOf(link, 'ok'), ...framesOf(link, 'err')];
  }

  it('is refused without onValue', async () => {
    make();
    const { link } = accept();
    expect(await answersTo(link, join, set('a', 1))).toEqual([{ t: 'err', code: 'forbidden', th: 't', id: 'id-a' }]);
    expect(await values().entries()).toEqual([]);
  });

  it('is decided about by onValue', async () => {
    make();
    const asked: unknown[] = [];
    const { link, connection } = accept({
      userId: 'ada',
      onValue(change, by) {
        asked.push([change, by.userId]);
        return change.key === 'mine' || (change.key === 'slow' && refuse(429, 'later'));
      },
    });
    const answers = await answersTo(
      link,
      join,
      set('mine', { x: 1 }, { ms: 5_000, own: true }),
      set('other', 1),
      set('slow', 1),
    );
    expect(answers).toEqual([
      { t: 'ok', th: 't', id: 'id-mine' },
      { t: 'err', code: 'forbidden', th: 't', id: 'id-other' },
      { t: 'err', code: 'rate-limited', th: 't', id: 'id-slow', why: 'later' },
    ]);
    expect(asked[0]).toEqual([{ threadId: 't', key: 'mine', value: { x: 1 }, ttlMs: 5_000, isOwned: true }, 'ada']);
    await harness.clock.advance(50);
    expect(viewOf(link)).toEqual({ mine: { x: 1 } });
    await answersTo(link, set('mine'));
    expect(asked.at(-1)).toEqual([
      { threadId: 't', key: 'mine', value: undefined, ttlMs: undefined, isOwned: false },
      'ada',
    ]);
    await harness.clock.advance(50);
    expect(viewOf(link)).toEqual({});
    await answersTo(link, set('mine', 2, { own: true }));
    connection.close();
    await harness.clock.settle();
    expect(await values().entries()).toEqual([]);
  });

  it('is refused in a thread that it may not join, and with what is no value', async () => {
    make();
    const { link } = accept({ onValue: () => true });
    const answers = await answersTo(
      link,
      set('a', 1, { th: 'secret' }),
      set('b', 1, { ms: -1 }),
      set('c', 'x'.repeat(5_000)),
      set('', 1),
      set('d', 1, { th: '~user:x' }),
    );
    const byId = Object.fromEntries(framesOf(link, 'err').map(({ id, code }) => [id, code]));
    expect(answers).toHaveLength(5);
    expect(byId).toEqual({
      'id-a': 'forbidden',
      'id-b': 'TC_INVALID_OPTION',
      'id-c': 'TC_VALUE_LIMIT',
      'id-': 'TC_INVALID_OPTION',
      'id-d': 'TC_INVALID_THREAD_ID',
    });
    expect(harness.errors).toEqual([]);
    expect(await answersTo(link, { t: 'val', th: 't', id: '{}', key: 'a', d: 1 })).toHaveLength(5);
    expect(link.closeCode).toBe(4400);
  });

  it('is checked by the definition of its thread', async () => {
    const room = defineThread('t*', { message: z.object({}), values: { seen: z.number().transform((n) => n + 1) } });
    make({ threads: [room] });
    const asked: unknown[] = [];
    const { link } = accept({ onValue: (change) => asked.push(change) > 0 });
    const frames = [set('seen', 'x'), set('other', 1), set('seen', 1)].map((frame) => ({ ...frame, th: 't1' }));
    expect(await answersTo(link, ...frames)).toMatchObject([
      { t: 'ok', id: 'id-seen' },
      { code: 'invalid', id: 'id-seen', paths: [''] },
      { code: 'invalid', id: 'id-other', paths: ['other'] },
    ]);
    expect(await values('t1').entries()).toEqual([['seen', 2]]);
    expect(asked).toEqual([{ threadId: 't1', pattern: 't*', key: 'seen', value: 2, ttlMs: undefined, isOwned: false }]);
  });

  it('may make so many changes a second', async () => {
    make({ values: { maxPerSecond: 2 } });
    const { link } = accept({ onValue: () => true });
    const frames = Array.from({ length: 12 }, (_, i) => set(`k${i}`, i));
    const answers = await answersTo(link, join, ...frames);
    expect(answers).toHaveLength(12);
    expect(framesOf(link, 'err')).toMatchObject([{ code: 'TC_VALUE_LIMIT' }, { code: 'TC_VALUE_LIMIT' }]);
    await harness.clock.advance(1_000);
    await answersTo(link, set('later', 1));
    expect(framesOf(link, 'ok').at(-1)).toMatchObject({ id: 'id-later' });
  });

  it('leaves nothing behind when it ends, or is removed, while onValue decides', async () => {
    make();
    const decision = Promise.withResolvers<boolean>();
    const { link, connection } = accept({ onValue: () => decision.promise, authorize: () => true });
    link.say(join);
    link.say(set('a', 1, { own: true }));
    await harness.clock.settle();
    connection.close();
    decision.resolve(true);
    await harness.clock.settle();
    expect(await values().entries()).toEqual([]);
  });

  it('gets a code for what onValue throws, and the hub an error', async () => {
    make();
    const { link } = accept({
      onValue() {
        throw new Error('database');
      },
    });
    expect(await answersTo(link, set('a', 1))).toEqual([{ t: 'err', code: 'internal', th: 't', id: 'id-a' }]);
    expect(harness.errors).toMatchObject([{ message: 'database' }]);
    harness.errors.length = 0;
  });
});
