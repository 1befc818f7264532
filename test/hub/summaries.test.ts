import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryLog, type HubOptions, type SummaryRequest } from '../../src/index.ts';
import { receipts } from '../../src/presence/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

function start(options: HubOptions = {}): Harness {
  const clock = new VirtualClock();
  harness = makeHarness({ clock, log: memoryLog({ clock, maxAgeMs: 1e9 }), threadIdleMs: 1_000, ...options });
  return harness;
}

beforeEach(() => void start());

afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

async function send(threadId: string, ids: string, options: object = {}): Promise<string> {
  let position = '';
  for (const id of ids.split(' ')) {
    const receipt = await harness.run(harness.hub.thread(threadId).send(id, { idempotencyKey: id, ...options }));
    position = receipt.position ?? '';
  }
  return position;
}

const summariesOf = (threads: readonly (string | SummaryRequest)[], options?: object) =>
  harness.run(harness.hub.summaries(threads, options));

const unreadOf = async (readTo: string, options?: object): Promise<number | undefined> =>
  (await summariesOf([{ id: 'a', readTo }], options))[0]?.unread;

it('the newest message of each thread, in their order, without opening one', async () => {
  await send('a', 'one two');
  const position = await send('b', 'three');
  await harness.clock.advance(70_000);
  expect([...harness.hub.threads]).toEqual([]);
  const at = harness.clock.now();
  await send('b', 'four');
  const [b, never, a, again] = await summariesOf(['b', 'never', 'a', { id: 'b', readTo: position }]);
  expect(b).toMatchObject({ threadId: 'b', last: { id: 'four', data: 'four', at }, unread: undefined });
  expect(never).toEqual({ threadId: 'never', last: undefined, unread: undefined });
  expect(a).toMatchObject({ threadId: 'a', last: { id: 'two', data: 'two', position: expect.any(String) } });
  expect(again).toMatchObject({ threadId: 'b', unread: 1 });
  expect([...harness.hub.threads].map(({ id }) => id)).toEqual(['b']);
});

describe('unread', () => {
  it('counts the messages after a position, up to a limit', async () => {
    const first = await send('a', 'm0');
    await send('a', Array.from({ length: 150 }, (_, i) => `n${i}`).join(' '));
    const last = await send('a', 'm1');
    expect(await unreadOf(last)).toBe(0);
    expect(await unreadOf(first)).toBe(100);
    expect(await unreadOf(first, { maxUnread: 1_000 })).toBe(151);
    expect(await unreadOf(first, { maxUnread: 1 })).toBe(1);
  });

  it('leaves out edits, removed messages, superseded ones, and those that the user does not get', async () => {
    const first = await send('a', 'm0');
    await send('a', 'x y');
    await send('a', 'z', { except: { userId: 'ada' } });
    await send('a', 'x2', { replaces: 'x' });
    await harness.run(harness.hub.thread('a').remove('y'));
    await send('a', 'k1 k2', { conflate: 'k' });
    expect(await unreadOf(first)).toBe(3);
    expect(await unreadOf(first, { userId: 'ada' })).toBe(2);
    expect(await unreadOf(first, { userId: 'bob' })).toBe(3);
    expect((await summariesOf(['a']))[0]?.last).toMatchObject({ id: 'k2' });
  });

  it('counts from the receipt of the user that threadcast/presence keeps, unless readTo says otherwise', async () => {
    const first = await send('a', 'm0');
    const second = await send('a', 'm1');
    await send('a', 'm2');
    const read = (userId: string, position: string) =>
      harness.run(receipts(harness.hub.thread('a')).read(userId, position));
    await read('ada', second);
    await read('bob', first);
    const ofUser = async (userId: string, threads: readonly (string | SummaryRequest)[] = ['a', 'b']) =>
      (await summariesOf(threads, { userId })).map(({ unread }) => unread);
    expect(await ofUser('ada')).toEqual([1, undefined]);
    expect(await ofUser('bob')).toEqual([2, undefined]);
    expect(await ofUser('cy')).toEqual([undefined, undefined]);
    expect(await ofUser('u'.repeat(256))).toEqual([undefined, undefined]);
    expect(await ofUser('ada', [{ id: 'a', readTo: first }])).toEqual([2]);
    expect((await summariesOf(['a']))[0]?.unread).toBeUndefined();
    // a client may have said anything
    for (const junk of ['junk', '', 7, null]) {
      await harness.run(harness.hub.thread('a').values.set('~read:ada', junk));
      expect(await ofUser('ada')).toEqual([undefined, undefined]);
    }
  });

  it('of a thread that began anew, all of it; of one that is empty, none', async () => {
    const former = await send('a', 'm0 m1');
    await harness.run(harness.hub.thread('a').delete());
    expect(await unreadOf(former)).toBe(0);
    await send('a', 'm2');
    expect(await unreadOf(former)).toBe(1);
  });
});

it('a removed last message is not the last; an edited one has its newest version', async () => {
  await send('a', 'one two');
  await send('a', 'new', { replaces: 'one' });
  await harness.run(harness.hub.thread('a').remove('two'));
  expect((await summariesOf(['a']))[0]?.last).toMatchObject({ id: 'one', data: 'new' });
});

it('where the log has nothing, the application’s database is asked for one message', async () => {
  await harness.close();
  const asked: unknown[] = [];
  start({
    history: {
      load: (threadId, { limit }) => {
        asked.push([threadId, limit]);
        return { messages: [{ id: 'old', at: 7, data: 'from before' }], hasOlder: true };
      },
    },
  });
  await send('a', 'one');
  expect(await summariesOf(['a', 'b'])).toMatchObject([
    { last: { id: 'one' } },
    { last: { id: 'old', at: 7, data: 'from before', position: undefined } },
  ]);
  expect(asked).toEqual([['b', 1]]);
});

it('junk is refused', async () => {
  for (const threads of [
    'a',
    [{ id: 'a', from: '1' }],
    [{ id: 7 }],
    Array.from({ length: 1_001 }, () => 'a'),
    [{ id: 'a', readTo: 7 }],
  ])
    // @ts-expect-error not threads
    await expect(summariesOf(threads)).rejects.toMatchObject({ code: 'TC_INVALID_OPTION' });
  // @ts-expect-error no id
  await expect(summariesOf([{}])).rejects.toMatchObject({ code: 'TC_INVALID_THREAD_ID' });
  for (const id of ['~user:ada', ''])
    await expect(summariesOf([id])).rejects.toMatchObject({ code: 'TC_INVALID_THREAD_ID' });
  await expect(summariesOf([{ id: 'a', readTo: 'junk' }])).rejects.toMatchObject({ code: 'TC_INVALID_POSITION' });
  for (const options of [{ maxUnread: 0 }, { maxUnread: 1_001 }, { userId: '' }, { limit: 1 }])
    await expect(summariesOf(['a'], options)).rejects.toMatchObject({ code: 'TC_INVALID_OPTION' });
  expect(await summariesOf([])).toEqual([]);
});
