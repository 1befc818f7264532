import { setTimeout as wait } from 'node:timers/promises';
import { EventType, type StreamChunk } from '@tanstack/ai';
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../support/random.ts';
import { seed } from '../support/tier.ts';
import { cut } from './cut.ts';
import { scripted } from './tanstack-model.ts';
import { shown, startRuns, textOf, type RunTab } from './tanstack-harness.ts';

const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { interval: 5 }).toBe(true);

const isQuiet = ({ chat }: RunTab): boolean => !chat.getIsLoading() && !chat.getSessionGenerating();

/** A tab is quiet, too, before it has heard of a run. */
const untilSame = (one: RunTab, other: RunTab): Promise<void> =>
  expect.poll(() => [isQuiet(one), shown(one)], { interval: 5 }).toEqual([true, shown(other)]);

/** A run that says words until the test ends it, or somebody stops it. */
function spoken() {
  const taps: { say(...words: string[]): void; end(): void; fail(error: Error): void }[] = [];
  async function* run(runId: string, threadId: string): AsyncGenerator<StreamChunk> {
    const words: (string | Error | undefined)[] = [];
    let wake = (): void => {};
    const push = (...more: typeof words): void => {
      words.push(...more);
      wake();
    };
    taps.push({ say: (...more) => push(...more), end: () => push(undefined), fail: (error) => push(error) });
    const messageId = `m-${runId}`;
    yield { type: EventType.RUN_STARTED, runId, threadId };
    yield { type: EventType.TEXT_MESSAGE_START, messageId, role: 'assistant' };
    for (;;) {
      if (words.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const word = words.shift();
      if (word instanceof Error) throw word;
      if (word === undefined) break;
      yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId, delta: word };
    }
    yield { type: EventType.TEXT_MESSAGE_END, messageId };
    yield { type: EventType.RUN_FINISHED, runId, threadId };
  }
  return { taps, run };
}

async function startSpoken() {
  const { taps, run } = spoken();
  const harness = await startRuns(({ runId, threadId }) => run(runId, threadId));
  return Object.assign(harness, { taps });
}

describe('a run', () => {
  test('is seen by every tab as it grows, with the message that asked for it, and by a late one', async () => {
    const harness = await startSpoken();
    const [first, second] = [harness.tab(), harness.tab()];
    const sent = first.chat.sendMessage('question');
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.say('one ', 'two ');
    for (const tab of [first, second]) await until(() => textOf(tab).at(-1) === 'assistant: one two ');
    const late = harness.tab();
    await until(() => textOf(late).at(-1) === 'assistant: one two ');
    harness.taps[0]?.say('three');
    harness.taps[0]?.end();
    await sent;
    const tabs = [first, second, late, harness.tab()];
    for (const tab of tabs) {
      await until(() => textOf(tab).at(-1) === 'assistant: one two three' && isQuiet(tab));
      expect(textOf(tab)).toEqual(['user: question', 'assistant: one two three']);
      expect(tab.failures).toEqual([]);
    }
    expect(harness.turns[0]?.messages.map(({ role }) => role)).toEqual(['user']);
    await until(() => harness.server.runs === 0);
    expect(harness.errors).toEqual([]);
  });

  test('gets the conversation of the log, however little the client sends', async () => {
    const harness = await startSpoken();
    const { chat } = harness.tab();
    for (const n of [0, 1, 2]) {
      const sent = chat.sendMessage(`question ${n}`);
      await until(() => harness.taps.length === n + 1);
      harness.taps[n]?.say('answer ', String(n));
      harness.taps[n]?.end();
      await sent;
    }
    const texts = harness.turns[2]?.messages.map(({ parts }) =>
      parts.map((part) => part.type === 'text' && part.content),
    );
    expect(texts?.flat()).toEqual(['question 0', 'answer 0', 'question 1', 'answer 1', 'question 2']);
  });

  test('that is asked for again replaces its answer in the log', async () => {
    const harness = await startSpoken();
    const tab = harness.tab();
    const sent = tab.chat.sendMessage('question');
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.say('one');
    harness.taps[0]?.end();
    await sent;
    const again = tab.chat.reload();
    await until(() => harness.taps.length === 2);
    harness.taps[1]?.say('two');
    harness.taps[1]?.end();
    await again;
    expect(textOf(tab)).toEqual(['user: question', 'assistant: two']);
    expect(harness.turns[1]?.messages.map(({ role }) => role)).toEqual(['user']);
    const late = harness.tab();
    await until(() => textOf(late).length === 2);
    expect(shown(late)).toEqual(shown(tab));
  });

  test('of more than 256 KiB is loaded whole by a later tab', async () => {
    const harness = await startSpoken();
    const tab = harness.tab();
    const sent = tab.chat.sendMessage('all orders');
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.say('x'.repeat(600_000), ' and the last');
    harness.taps[0]?.end();
    await sent;
    const late = harness.tab();
    await until(() => isQuiet(late) && textOf(late).join() === textOf(tab).join());
    expect(shown(late)).toEqual(shown(tab));
    expect(late.failures).toEqual([]);
  });

  test('is stopped by stop(), for all tabs', async () => {
    const harness = await startSpoken();
    const [first, second] = [harness.tab(), harness.tab()];
    void first.chat.sendMessage('question');
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.say('one ');
    for (const tab of [first, second]) await until(() => textOf(tab).at(-1) === 'assistant: one ');
    first.chat.stop();
    await until(() => harness.turns[0]?.abortController.signal.aborted === true && harness.server.runs === 0);
    for (const tab of [first, second]) await until(() => isQuiet(tab));
    const { messages } = await harness.hub.thread('chat:c').history();
    expect(messages.at(-1)?.data).toMatchObject({ aborted: 'cancelled' });
    const next = second.chat.sendMessage('again');
    await until(() => harness.taps.length === 2);
    harness.taps[1]?.say('two');
    harness.taps[1]?.end();
    await next;
    for (const tab of [first, second]) await until(() => textOf(tab).at(-1) === 'assistant: two');
    expect(textOf(second)).toEqual(['user: question', 'assistant: one ', 'user: again', 'assistant: two']);
    expect([...first.failures, ...second.failures, ...harness.errors]).toEqual([]);
  });

  test('goes on when a page that follows it goes', async () => {
    const harness = await startSpoken();
    const first = harness.tab();
    const sent = first.chat.sendMessage('question');
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.say('one ');
    const other = harness.tab();
    await until(() => textOf(other).at(-1) === 'assistant: one ');
    other.chat.unsubscribe();
    other.chat.detach();
    other.client.close();
    harness.taps[0]?.say('two');
    harness.taps[0]?.end();
    await sent;
    expect(textOf(first).at(-1)).toBe('assistant: one two');
  });

  test('that fails ends with the text of onError, never with the error', async () => {
    const { taps, run } = spoken();
    const seen: unknown[] = [];
    const harness = await startRuns(
      ({ runId, threadId }) => run(runId, threadId),
      (error) => {
        seen.push(error);
        return 'try again';
      },
    );
    const [first, second] = [harness.tab(), harness.tab()];
    const sent = first.chat.sendMessage('question');
    await until(() => taps.length === 1);
    taps[0]?.say('one ');
    for (const tab of [first, second]) await until(() => textOf(tab).at(-1) === 'assistant: one ');
    const secret = new Error('secret');
    taps[0]?.fail(secret);
    await sent;
    await until(() => second.failures.length === 1);
    for (const tab of [first, second]) expect(String(tab.failures)).toContain('try again');
    expect(seen).toEqual([secret]);
    expect(JSON.stringify((await harness.hub.thread('chat:c').history()).messages)).not.toContain('secret');
  });

  test('is refused while another one is in progress, in a thread that the client may not use, and for junk', async () => {
    const harness = await startSpoken();
    const [first, second] = [harness.tab(), harness.tab()];
    const sent = first.chat.sendMessage('question');
    await until(() => harness.taps.length === 1);
    await second.chat.sendMessage('me too');
    expect(second.failures).toMatchObject([{ code: 'TC_PUBLISH_REFUSED' }]);
    const message = { id: 'u', role: 'user', parts: [] };
    const junk: object[] = [
      { type: 'run', runId: 'r' },
      { type: 'run', runId: 'not an id', message },
      { type: 'run', runId: 'r', message: { ...message, role: 'system' } },
      { type: 'run', runId: 'r', message: { ...message, role: 'assistant' } },
      { type: 'run', runId: 'r', message, tools: 7 },
      { type: 'run', runId: 'r', message, forwardedProps: [] },
      { type: 'other' },
    ];
    harness.taps[0]?.end();
    await sent;
    for (const data of junk)
      await expect(first.client.publish('chat:c', data)).rejects.toMatchObject({ code: 'TC_PUBLISH_REFUSED' });
    const secret = first.client.publish('chat:secret', { type: 'run', runId: 'r', message });
    await expect(secret).rejects.toMatchObject({ reason: 'forbidden' });
    expect(harness.turns.length).toBe(1);
  });
});

describe('with chat() of TanStack AI', () => {
  test('reasoning, a tool and two messages look the same live, late, and after a reload', async () => {
    const harness = await startRuns(scripted());
    const [first, second] = [harness.tab(), harness.tab()];
    await first.chat.sendMessage('weather');
    await until(() => isQuiet(second) && shown(second).length === shown(first).length);
    const kinds = new Set(shown(first).flatMap(({ parts }) => parts.map(({ type }) => type)));
    expect([...kinds].toSorted()).toEqual(['text', 'thinking', 'tool-call', 'tool-result']);
    expect(shown(second)).toEqual(shown(first));
    const late = harness.tab();
    await until(() => shown(late).length === shown(first).length);
    expect(shown(late)).toEqual(shown(first));
    // the next run gets what the client shows
    const messages = shown(first);
    await first.chat.sendMessage('weather');
    const before: unknown = JSON.parse(
      JSON.stringify(harness.turns[1]?.messages.slice(1, -1)),
      (key, value: unknown) => (key === 'createdAt' ? undefined : value),
    );
    expect(before).toEqual(messages.slice(1));
    expect([...first.failures, ...second.failures, ...harness.errors]).toEqual([]);
  });

  test('lines that are cut at random moments lose nothing and repeat nothing', async () => {
    const harness = await startRuns(scripted(4));
    const random = mulberry32(seed);
    const [undisturbed, tab] = [harness.tab('chat:undisturbed'), harness.tab()];
    const areOpen = (): boolean => [tab, undisturbed].every(({ client }) => client.state === 'open');
    for (let turn = 0; turn < 8; turn++) {
      const sent = [tab, undisturbed].map(({ chat }) => chat.sendMessage('weather'));
      // so many: where the machine is slower than the cuts, a client would never get further
      for (let cuts = 0; cuts < 10; cuts++) {
        await until(areOpen);
        await wait(random() * 40);
        cut(harness);
      }
      await Promise.all(sent);
      await until(() => isQuiet(tab) && isQuiet(undisturbed));
    }
    const partsOf = (each: RunTab): unknown => shown(each).map(({ role, parts }) => ({ role, parts }));
    const late = harness.tab();
    await until(() => shown(late).length === shown(tab).length);
    expect(partsOf(tab)).toEqual(partsOf(late));
    // ids are of each run
    const textOfParts = (each: RunTab): string => JSON.stringify(partsOf(each)).replaceAll(/words-[\w-]+/g, 'id');
    expect(textOfParts(tab)).toEqual(textOfParts(undisturbed));
    const failures = tab.failures.filter((error) => !String(error).includes('TC_CONNECTION_FAILING'));
    expect([...failures, ...harness.errors]).toEqual([]);
  });

  test('a chat that is attached again, as in StrictMode, loses and repeats nothing', async () => {
    const harness = await startRuns(scripted(6));
    const random = mulberry32(seed);
    const [first, other] = [harness.tab(), harness.tab()];
    for (let turn = 0; turn < 3; turn++) {
      const sent = first.chat.sendMessage('weather');
      for (let i = 0; i < 4; i++) {
        await wait(random() * 60);
        other.chat.detach();
        if (random() < 0.5) other.chat.subscribe({ restart: true });
        other.chat.attach();
      }
      await sent;
      await untilSame(other, first);
    }
    expect([...other.failures, ...harness.errors]).toEqual([]);
  });

  test('pages that are opened at random moments have the messages of an undisturbed one', async () => {
    const harness = await startRuns(scripted(6));
    const random = mulberry32(seed);
    const first = harness.tab();
    const tabs: RunTab[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const sent = first.chat.sendMessage('weather');
      for (let i = 0; i < 5; i++) {
        await wait(random() * 80);
        tabs.push(harness.tab());
      }
      await sent;
      for (const tab of tabs.splice(0)) {
        await untilSame(tab, first);
        expect(tab.failures).toEqual([]);
      }
    }
    expect(harness.errors).toEqual([]);
  });
});
