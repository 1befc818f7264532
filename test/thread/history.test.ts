import { afterEach, describe, expect, it } from 'vitest';
import { memoryLog, type HistoryRange, type HubOptions, type LoadedHistory } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { allMessages } from '../support/all-messages.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(() => harness.close());

async function start(count: number, options: HubOptions = {}, maxEntries = 1_000) {
  const clock = new VirtualClock(1_000);
  harness = makeHarness({ clock, log: memoryLog({ clock, maxEntries }), ...options });
  const { hub, run } = harness;
  const thread = hub.thread('t');
  for (let i = 1; i <= count; i++) await run(thread.send(i, { idempotencyKey: `m${i}` }));
  const history = (asked?: Parameters<typeof thread.history>[0]) => run(thread.history(asked));
  const ids = async (asked?: Parameters<typeof thread.history>[0]) => {
    const { messages, hasOlder } = await history(asked);
    return [messages.map(({ id }) => id).join(' '), hasOlder];
  };
  return { clock, hub, run, thread, history, ids };
}

describe('history of the log', () => {
  it('is the newest page, oldest message first, and goes on before it by position and by cursor', async () => {
    const { history, ids } = await start(5);
    const { messages, hasOlder, gap } = await history({ limit: 2 });
    expect(messages).toMatchObject([
      { id: 'm4', data: 4, lane: 'normal', at: 1_000 },
      { id: 'm5', data: 5 },
    ]);
    expect([hasOlder, gap]).toEqual([true, undefined]);
    for (const before of [messages[0]?.position, messages[0]?.cursor]) {
      expect(await ids({ before, limit: 2 })).toEqual(['m2 m3', true]);
      expect(await ids({ before, limit: 3 })).toEqual(['m1 m2 m3', false]);
    }
    expect(await ids({ after: messages[0]?.cursor })).toEqual(['m5', true]);
    const [first] = (await history()).messages;
    expect(await ids({ after: first?.cursor, before: messages[1]?.cursor })).toEqual(['m2 m3 m4', true]);
    expect(await ids({ after: first?.position, limit: 2 })).toEqual(['m2 m3', true]);
  });

  it('tells after which position it begins, if messages after `after` were trimmed', async () => {
    const { thread, history, run } = await start(1, {}, 3);
    const [epoch] = (await thread.position()).split('.');
    for (let i = 2; i <= 6; i++) await run(thread.send(i));
    const { messages, gap } = await history({ after: `${epoch}.1.m1` });
    expect(messages.map(({ data }) => data)).toEqual([4, 5, 6]);
    expect(gap).toEqual({ why: 'trimmed', position: `${epoch}.3.` });
  });

  it('creates no thread, and refuses junk with a code', async () => {
    const { hub, run, thread, history } = await start(1);
    expect(await run(hub.thread('nobody').history())).toEqual({ messages: [], hasOlder: false });
    expect(hub.thread('nobody').stats.state).toBe('closed');
    expect(hub.stats().threads).toBe(1);
    for (const limit of [0, 1_001, 1.5, NaN]) {
      await expect(history({ limit })).rejects.toMatchObject({ code: 'TC_INVALID_OPTION' });
    }
    await expect(history(JSON.parse('{"from":"x"}'))).rejects.toMatchObject({ code: 'TC_INVALID_OPTION' });
    const position = await thread.position();
    for (const before of ['', 'x', '~', '~e30', `${position}~x`, `${position}~1~2`, `~${'x'.repeat(10_000)}`]) {
      await expect(history({ before })).rejects.toMatchObject({ code: 'TC_INVALID_POSITION' });
    }
    const foreign = position.replace(/^[^.]*/, 'e');
    for (const asked of [{ before: foreign }, { after: foreign }, { before: position, after: foreign }]) {
      await expect(history(asked)).rejects.toMatchObject({ code: 'TC_POSITION_LOST', why: 'epoch' });
    }
  });

  it('gives a message above a megabyte as bytes, and parses it in a worker', async () => {
    const { thread, run, history } = await start(1);
    const text = 'é'.repeat(600_000);
    await run(thread.send({ text }));
    const { messages } = await history();
    const [small, big] = messages;
    expect([small?.bytes, big?.data]).toEqual([undefined, undefined]);
    expect(big?.bytes?.length).toBe(1_200_011);
    expect(big?.bytes && (await big.json())).toEqual({ text });
  });

  it('ends a page at 4 MiB', async () => {
    const { thread, run, ids } = await start(0);
    for (let i = 0; i < 6; i++) await run(thread.send('x'.repeat(1_000_000), { idempotencyKey: `b${i}` }));
    expect(await ids()).toEqual(['b2 b3 b4 b5', true]);
  });
});

describe('history beyond the log', () => {
  /** A database with m1 to m<count>; what it was asked. */
  function database(count: number, cursors = false) {
    const rows = Array.from({ length: count }, (_, i) => {
      const row = { id: `m${i + 1}`, at: i, data: i + 1 };
      return cursors ? { ...row, cursor: `row ${i}` } : row;
    });
    const asked: Omit<HistoryRange, 'signal'>[] = [];
    const load = (_threadId: string, { before, limit }: HistoryRange) => {
      asked.push({ before, limit });
      const end = before === undefined ? rows.length : rows.findIndex(({ id }) => id === before.id);
      const page = rows.slice(Math.max(0, end - limit), Math.max(0, end));
      return Promise.resolve({ messages: page, hasOlder: end - limit > 0 });
    };
    return { load, asked };
  }

  it('goes on in the database at the oldest message of the log', async () => {
    const { load, asked } = database(10, true);
    const { thread, ids, run } = await start(10, { history: { load } }, 4);
    expect(await ids({ limit: 6 })).toEqual(['m5 m6 m7 m8 m9 m10', true]);
    expect(asked).toEqual([{ before: { id: 'm7', at: 1_000, cursor: undefined }, limit: 2 }]);
    expect((await run(allMessages(thread, 3))).map(({ data }) => data)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(asked.at(-1)?.before).toMatchObject({ cursor: expect.stringMatching(/^row/) });
  });

  it('reads the newest of it where the log is empty, and what is logged meanwhile only once', async () => {
    const { load } = database(3);
    let meanwhile = (): void => {};
    const source = {
      load: (threadId: string, range: HistoryRange) => {
        meanwhile();
        return load(threadId, range);
      },
    };
    const { hub, ids } = await start(0, { history: source });
    expect(await ids({ limit: 2 })).toEqual(['m2 m3', true]);
    meanwhile = () => void hub.thread('t').send(3, { idempotencyKey: 'm3' });
    expect(await ids({ limit: 3 })).toEqual(['m1 m2', false]);
  });

  it.each([
    ['null', null],
    ['no list', { messages: 1, hasOlder: true }],
    ['no word on older ones', { messages: [] }],
    ['a message without time', { messages: [{ id: 'a', data: 1 }], hasOlder: true }],
    ['a wrong id', { messages: [{ id: 'a b', at: 1, data: 1 }], hasOlder: true }],
    ['a cursor without end', { messages: [{ id: 'a', at: 1, data: 1, cursor: 'x'.repeat(1_025) }], hasOlder: true }],
  ])('refuses an answer with %s, but keeps the messages of the log', async (_, junk) => {
    const load = (): Promise<LoadedHistory> => Promise.resolve(JSON.parse(JSON.stringify(junk)));
    const { hub, run, ids } = await start(2, { history: { load } });
    await expect(run(hub.thread('other').history())).rejects.toMatchObject({ code: 'TC_HISTORY_FAILED' });
    expect(await ids()).toEqual(['m1 m2', true]);
    expect(harness.errors).toMatchObject([{ code: 'TC_HISTORY_FAILED' }]);
  });

  it('comes to an end where the database ignores `before`, and reports that', async () => {
    const { load } = database(10);
    const { thread, run } = await start(0, {
      history: { load: (threadId: string, range: HistoryRange) => load(threadId, { ...range, before: undefined }) },
    });
    expect((await run(allMessages(thread, 3))).map(({ data }) => data)).toEqual([8, 9, 10]);
    expect(harness.errors).toMatchObject([
      {
        code: 'TC_HISTORY_FAILED',
        message: 'history.load of thread t: expected messages before m8, not that one and 2 after it',
      },
    ]);
  });

  it('takes a database that counts `before` in', async () => {
    const rows = Array.from({ length: 7 }, (_, i) => ({ id: `m${i + 1}`, at: i, data: i + 1 }));
    const load = (_threadId: string, { before, limit }: HistoryRange) => {
      const end = before === undefined ? rows.length : rows.findIndex(({ id }) => id === before.id) + 1;
      return { messages: rows.slice(Math.max(0, end - limit), end), hasOlder: end > limit };
    };
    const { thread, run } = await start(0, { history: { load } });
    expect((await run(allMessages(thread, 3))).map(({ data }) => data)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(harness.errors).toEqual([]);
  });

  it('does not wait for it without end, and aborts its signal', async () => {
    let signal: AbortSignal | undefined;
    const load = (_threadId: string, range: HistoryRange) => {
      ({ signal } = range);
      return new Promise<never>(() => {});
    };
    const { clock, hub } = await start(0, { history: { load }, answerTimeoutMs: 100 });
    const asked = hub.thread('t').history();
    asked.catch(() => {});
    await clock.advance(2_000);
    await expect(asked).rejects.toMatchObject({ code: 'TC_ANSWER_TIMEOUT' });
    expect(signal?.aborted).toBe(true);
  });

  it('takes the cursor of a message of its database only in its own thread', async () => {
    const { load } = database(3);
    const { hub, run, history } = await start(0, { history: { load } });
    const [message] = (await history()).messages;
    const foreign = hub.thread('other').history({ before: message?.cursor });
    await expect(run(foreign)).rejects.toMatchObject({ code: 'TC_INVALID_POSITION' });
  });
});
