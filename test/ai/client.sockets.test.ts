import { WebSocketChatTransport, type UIMessage, type UIMessageChunk } from 'ai';
import { describe, expect, test } from 'vitest';
import type { ChatTurn } from '../../src/ai/index.ts';
import { collect, END, send, START, Tap, user } from './chat-server.ts';
import { seen, startClients } from './client-harness.ts';
import { cut } from './cut.ts';

const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { interval: 5 }).toBe(true);

async function tapped(options: Partial<Parameters<typeof startClients>[0]> = {}) {
  const taps: Tap[] = [];
  const turns: ChatTurn<UIMessage>[] = [];
  const harness = await startClients({
    run(turn) {
      const tap = new Tap();
      taps.push(tap);
      turns.push(turn);
      return tap;
    },
    ...options,
  });
  return Object.assign(harness, { taps, turns });
}

const textOf = (messages: readonly UIMessage[]): string[] =>
  messages.map(
    ({ role, parts }) => `${role}: ${parts.map((part) => (part.type === 'text' ? part.text : '')).join('')}`,
  );

/** Chunks of an answer, with an id of its own. */
const answer = (id: string, ...deltas: string[]): UIMessageChunk[] => [
  { type: 'start', messageId: id },
  ...START.slice(1),
  ...deltas.map((delta): UIMessageChunk => ({ type: 'text-delta', id: 't', delta })),
  ...END,
];

/** For a transport without a chat. */
const turnOf = (text: string) => ({
  chatId: 'c',
  messages: [user(text, text)],
  trigger: 'submit-message' as const,
  messageId: undefined,
  abortSignal: undefined,
});

describe('a turn', () => {
  test('sends its message alone; the server has those before it, and logs all', async () => {
    const harness = await tapped();
    const { chat, failures } = await harness.tab();
    for (const n of [1, 2]) {
      const sent = chat.sendMessage({ text: `question ${n}` });
      await until(() => harness.taps.length === n);
      harness.taps.at(-1)?.push(...answer(`a${n}`, 'answer ', `${n}`));
      harness.taps.at(-1)?.end();
      await sent;
    }
    expect(textOf(harness.turns[1]?.messages ?? [])).toEqual([
      'user: question 1',
      'assistant: answer 1',
      'user: question 2',
    ]);
    expect(textOf(chat.messages)).toEqual([...textOf(harness.turns[1]?.messages ?? []), 'assistant: answer 2']);
    expect(chat.status).toBe('ready');
    const late = await harness.tab();
    expect(seen(late.chat)).toEqual(seen(chat));
    expect([...failures, ...late.failures, ...harness.errors]).toEqual([]);
  });

  test('is refused where the client may not use the chat, or an answer is in progress; junk too', async () => {
    const harness = await tapped({ authorize: (_, chatId) => chatId !== 'secret' });
    const { chat, client, failures } = await harness.tab();
    const secret = client.publish('chat:secret', { type: 'send', id: 'secret', trigger: 'submit-message' });
    await expect(secret).rejects.toMatchObject({ reason: 'forbidden' });
    const message = { id: 'u', role: 'user', parts: [] };
    const send = { type: 'send', id: 'c', trigger: 'submit-message', message };
    for (const junk of [
      { ...send, message: { ...message, role: 'system' } },
      { ...send, message: { ...message, role: 'assistant' } },
      { ...send, message: 7 },
      { ...send, trigger: 'other' },
      { ...send, message: undefined },
      { ...send, trigger: 'regenerate-message', message: undefined },
      { ...send, id: 'other' },
      { ...send, type: 'other' },
      'text',
      null,
    ])
      await expect(client.publish('chat:c', junk)).rejects.toMatchObject({ code: 'TC_PUBLISH_REFUSED' });
    expect(harness.turns).toEqual([]);
    const both = [
      client.publish('chat:c', send),
      client.publish('chat:c', { ...send, message: { ...message, id: 'v' } }),
    ];
    const results = await Promise.allSettled(both);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.push(...answer('a', 'done'));
    harness.taps[0]?.end();
    await until(() => textOf(chat.messages).length === 2);
    expect(textOf(chat.messages)).toEqual(['user: ', 'assistant: done']);
    expect([...failures, ...harness.errors]).toEqual([]);
  });

  test('is refused also where requests of the stock transport wait: a waiting one goes before', async () => {
    const harness = await tapped({ whenBusy: 'queue' });
    const [first, second] = [await harness.tab(), await harness.tab()];
    const stock = new WebSocketChatTransport<UIMessage>({ url: harness.url.replace('/ws', '/api/chat') });
    const end = (n: number): void => {
      harness.taps[n]?.push(...answer(`a${n}`, `answer ${n}`));
      harness.taps[n]?.end();
    };
    const sent = first.chat.sendMessage({ text: 'question 0' });
    await until(() => harness.taps.length === 1);
    const waiting = collect(await send(stock));
    await expect(second.transport.sendMessages(turnOf('question 1'))).rejects.toMatchObject({
      code: 'TC_PUBLISH_REFUSED',
      reason: 'rate-limited',
    });
    expect(harness.taps).toHaveLength(1);
    end(0);
    await sent;
    await until(() => harness.taps.length === 2);
    await expect(second.transport.sendMessages(turnOf('question 2'))).rejects.toMatchObject({
      code: 'TC_PUBLISH_REFUSED',
      reason: 'rate-limited',
    });
    end(1);
    await waiting.over;
    expect(waiting.text).toBe('answer 1');
    void (await second.transport.sendMessages(turnOf('question 3')));
    await until(() => harness.taps.length === 3);
    // refused messages are in no log
    expect(textOf(harness.turns[2]?.messages ?? [])).toEqual([
      'user: question 0',
      'assistant: answer 0',
      'assistant: answer 1',
      'user: question 3',
    ]);
    end(2);
    await until(() => harness.server.runs === 0);
    stock.close();
    expect(harness.errors).toEqual([]);
  });

  test('answers anew: what is replaced goes from the log and from other tabs', async () => {
    const harness = await tapped();
    const [first, other] = [await harness.tab(), await harness.tab()];
    const sent = first.chat.sendMessage({ text: 'question' });
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.push(...answer('a1', 'one'));
    harness.taps[0]?.end();
    await sent;
    const again = first.chat.regenerate();
    await until(() => harness.taps.length === 2);
    expect(textOf(harness.turns[1]?.messages ?? [])).toEqual(['user: question']);
    harness.taps[1]?.push(...answer('a2', 'two'));
    harness.taps[1]?.end();
    await again;
    await until(() => other.chat.status === 'ready' && textOf(other.chat.messages).at(-1) === 'assistant: two');
    expect(textOf(first.chat.messages)).toEqual(['user: question', 'assistant: two']);
    expect(seen(other.chat)).toEqual(seen(first.chat));
    // edited: the message keeps its id
    const edited = first.chat.sendMessage({ text: 'better', messageId: first.chat.messages[0]?.id ?? '' });
    await until(() => harness.taps.length === 3);
    harness.taps[2]?.push(...answer('a3', 'three'));
    harness.taps[2]?.end();
    await edited;
    await until(() => other.chat.status === 'ready' && textOf(other.chat.messages).at(-1) === 'assistant: three');
    expect(textOf(first.chat.messages)).toEqual(['user: better', 'assistant: three']);
    expect(seen(other.chat)).toEqual(seen(first.chat));
    expect(seen((await harness.tab()).chat)).toEqual(seen(first.chat));
    expect([...first.failures, ...other.failures, ...harness.errors]).toEqual([]);
  });

  test('goes on after an approval, in all tabs', async () => {
    const harness = await tapped();
    const [first, other] = [await harness.tab(), await harness.tab()];
    const sent = first.chat.sendMessage({ text: 'delete it' });
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.push(
      { type: 'start', messageId: 'a1' },
      { type: 'start-step' },
      { type: 'tool-input-available', toolCallId: 'c1', toolName: 'remove', input: { path: '/' } },
      { type: 'tool-approval-request', approvalId: 'p1', toolCallId: 'c1' },
      { type: 'finish-step' },
      { type: 'finish' },
    );
    harness.taps[0]?.end();
    await sent;
    first.chat.addToolApprovalResponse({ id: 'p1', approved: true });
    const onward = first.chat.sendMessage();
    await until(() => harness.taps.length === 2);
    expect(harness.turns[1]?.messages.at(-1)).toMatchObject({
      role: 'assistant',
      parts: [{}, { state: 'approval-responded' }],
    });
    harness.taps[1]?.push(
      { type: 'start', messageId: 'a1' },
      { type: 'tool-output-available', toolCallId: 'c1', output: 'gone' },
      { type: 'start-step' },
      { type: 'text-start', id: 't' },
      { type: 'text-delta', id: 't', delta: 'It is gone.' },
      ...END,
    );
    harness.taps[1]?.end();
    await onward;
    expect(seen(first.chat)[1]?.parts).toMatchObject([
      { type: 'step-start' },
      { type: 'tool-remove', state: 'output-available', output: 'gone' },
      { type: 'step-start' },
      { type: 'text', text: 'It is gone.' },
    ]);
    await until(() => other.chat.status === 'ready' && other.chat.messages[1]?.parts.length === 4);
    expect(seen(other.chat)).toEqual(seen(first.chat));
    expect(seen((await harness.tab()).chat)).toEqual(seen(first.chat));
    expect([...first.failures, ...other.failures, ...harness.errors]).toEqual([]);
  });
});

describe('viewers', () => {
  test('other tabs and a late one show a turn that they did not start, as it grows', async () => {
    const harness = await tapped();
    const [first, second] = [await harness.tab(), await harness.tab()];
    const sent = first.chat.sendMessage({ text: 'question' });
    await until(() => harness.taps.length === 1);
    const [tap] = harness.taps;
    tap?.push(...START);
    tap?.text('one ');
    await until(() => textOf(second.chat.messages)[1] === 'assistant: one ');
    const third = await harness.tab();
    await until(() => textOf(third.chat.messages)[1] === 'assistant: one ');
    tap?.text('two');
    await until(() => textOf(third.chat.messages)[1] === 'assistant: one two');
    tap?.push(...END);
    tap?.end();
    await sent;
    for (const { chat, failures } of [first, second, third]) {
      await until(() => chat.status === 'ready');
      expect(seen(chat)).toEqual(seen(first.chat));
      expect(textOf(chat.messages)).toEqual(['user: question', 'assistant: one two']);
      expect(failures).toEqual([]);
    }
    expect(harness.errors).toEqual([]);
  });

  test('a line that is cut again and again, or is away until the end, changes nothing', async () => {
    const harness = await tapped();
    const [first, second] = [await harness.tab(), await harness.tab()];
    const sent = first.chat.sendMessage({ text: 'question' });
    await until(() => harness.taps.length === 1);
    const [tap] = harness.taps;
    tap?.push(
      { type: 'start', messageId: 'a1' },
      { type: 'start-step' },
      { type: 'tool-input-available', toolCallId: 'c1', toolName: 'look', input: {} },
      { type: 'finish-step' },
      ...START.slice(1),
    );
    for (let i = 0; i < 400; i++) {
      tap?.text(`${i} `);
      if (i % 80 === 40) cut(harness);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    harness.isUp = false;
    cut(harness);
    tap?.text('more ');
    tap?.push({ type: 'tool-output-available', toolCallId: 'c1', output: 7 });
    tap?.text('at the end');
    tap?.push(...END);
    tap?.end();
    await new Promise((resolve) => setTimeout(resolve, 300));
    harness.isUp = true;
    await sent;
    const third = await harness.tab();
    await until(() => second.chat.status === 'ready');
    expect(seen(first.chat)).toEqual(seen(third.chat));
    expect(seen(second.chat)).toEqual(seen(third.chat));
    const { messages } = await harness.hub.thread('chat:c').history();
    expect(seen(first.chat)).toEqual(messages.map(({ data }) => data));
  });

  test('stop() ends it for this page; the answer goes on while another one shows it. cancel() ends it for all', async () => {
    const harness = await tapped();
    const [first, second] = [await harness.tab(), await harness.tab()];
    void first.chat.sendMessage({ text: 'question' });
    await until(() => harness.taps.length === 1);
    const [tap] = harness.taps;
    tap?.push(...START);
    tap?.text('one ');
    await until(() => textOf(second.chat.messages)[1] === 'assistant: one ');
    await first.chat.stop();
    tap?.text('two ');
    await until(() => textOf(second.chat.messages)[1] === 'assistant: one two ');
    expect(first.chat.status).toBe('ready');
    expect(harness.turns[0]?.signal.aborted).toBe(false);
    second.transport.cancel('c');
    await until(() => harness.turns[0]?.signal.aborted === true);
    tap?.end();
    await until(() => second.chat.status === 'ready');
    expect(textOf(second.chat.messages)).toEqual(['user: question', 'assistant: one two ']);
  });

  test('stop() of the only viewer stops the answer', async () => {
    const harness = await tapped();
    const { chat } = await harness.tab();
    void chat.sendMessage({ text: 'question' });
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.push(...START);
    await until(() => chat.status === 'streaming');
    await chat.stop();
    await until(() => harness.turns[0]?.signal.aborted === true);
    harness.taps[0]?.end();
  });

  test('a failure is an error for all, without internals', async () => {
    const harness = await tapped();
    const [first, second] = [await harness.tab(), await harness.tab()];
    void first.chat.sendMessage({ text: 'question' });
    await until(() => harness.taps.length === 1);
    harness.taps[0]?.push(...START);
    await until(() => second.chat.status === 'streaming');
    harness.taps[0]?.fail(new Error('secret'));
    await until(() => first.chat.status === 'error' && second.chat.status === 'error');
    expect(String([...first.failures, ...second.failures])).not.toContain('secret');
    expect(String(harness.errors)).toContain('secret');
  });
});

describe('answers above 256 KiB', () => {
  test('are loaded whole by a later tab, with what is around them', async () => {
    const harness = await tapped();
    const { chat } = await harness.tab();
    const big = 'é"\n '.repeat(150_000);
    for (const [n, text] of ['small', big, 'small again', big].entries()) {
      const sent = chat.sendMessage({ text: `question ${n}` });
      await until(() => harness.taps.length === n + 1);
      harness.taps.at(-1)?.push(...answer(`a${n}`, text));
      harness.taps.at(-1)?.end();
      await sent;
    }
    const late = await harness.tab();
    expect(textOf(late.chat.messages).map((text) => text.length)).toEqual(
      textOf(chat.messages).map((text) => text.length),
    );
    expect(seen(late.chat)).toEqual(seen(chat));
    expect(late.failures).toEqual([]);
    // the readers of big messages have left, and the chat goes on
    const sent = late.chat.sendMessage({ text: 'and now?' });
    await until(() => harness.taps.length === 5);
    harness.taps.at(-1)?.push(...answer('a4', 'done'));
    harness.taps.at(-1)?.end();
    await sent;
    await until(() => chat.messages.length === 10);
    expect(seen(chat)).toEqual(seen(late.chat));
  });
});
