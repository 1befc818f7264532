import { convertToModelMessages, simulateReadableStream, streamText, type UIMessage } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { ChatTurn } from '../../src/ai/index.ts';
import { collect, END, messageOf, resume, send, START, startChat, Tap, user } from './chat-server.ts';

const until = (condition: () => boolean): Promise<void> => expect.poll(condition).toBe(true);

/** A chat whose answers a test feeds by hand, one tap for each. */
async function tapped(options: Partial<Parameters<typeof startChat>[0]> = {}) {
  const taps: Tap[] = [];
  const turns: ChatTurn<UIMessage>[] = [];
  const harness = await startChat({
    run(turn) {
      const tap = new Tap();
      taps.push(tap);
      turns.push(turn);
      return tap;
    },
    ...options,
  });
  return { ...harness, taps, turns };
}

/** A client that sends what it likes. */
async function raw(url: string): Promise<{
  say(value: unknown): void;
  readonly frames: { type?: string; [field: string]: unknown }[];
  readonly closed: Promise<number>;
  socket: WebSocket;
}> {
  const socket = new WebSocket(url);
  const frames: { type?: string }[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => void socket.on('close', (code) => resolve(code)));
  await new Promise((resolve) => void socket.on('open', resolve));
  return {
    say: (value) => socket.send(typeof value === 'string' ? value : JSON.stringify(value)),
    frames,
    closed,
    socket,
  };
}

describe('the stock transport of the AI SDK', () => {
  test('sends, and gets the answer of streamText', async () => {
    const finish = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
    const model = new MockLanguageModelV4({
      doStream: async () => ({
        stream: simulateReadableStream({
          chunks: [
            { type: 'text-start', id: '1' },
            { type: 'text-delta', id: '1', delta: 'Hello, ' },
            { type: 'text-delta', id: '1', delta: 'world' },
            { type: 'text-end', id: '1' },
            {
              type: 'finish',
              finishReason: { unified: 'stop', raw: 'stop' },
              usage: {
                inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
                outputTokens: { total: 1, text: 1, reasoning: 0 },
              },
            },
          ],
        }),
      }),
    });
    expect(finish).toBeDefined();
    const { transport, hub, errors } = await startChat({
      run: async ({ messages, signal }) =>
        streamText({ model, messages: await convertToModelMessages(messages), abortSignal: signal }),
    });
    const answer = collect(await send(transport()));
    const chunks = await answer.over;
    expect(answer.text).toBe('Hello, world');
    const message = await messageOf(chunks);
    expect(message?.id).not.toBe('');
    const { messages } = await hub.thread('chat:c').history();
    expect(messages.map(({ data }) => data)).toEqual([message]);
    expect(errors).toEqual([]);
  });

  test('regenerates, with what the application adds', async () => {
    const { transport, taps, turns } = await tapped();
    const answer = send(transport(), 'c', { trigger: 'regenerate-message', body: { tone: 'kind' } });
    const collected = collect(await answer);
    await until(() => taps.length === 1);
    expect(turns[0]).toMatchObject({
      chatId: 'c',
      threadId: 'chat:c',
      trigger: 'regenerate-message',
      body: { tone: 'kind' },
    });
    taps[0]?.push(...START, ...END);
    taps[0]?.end();
    await collected.over;
  });

  test('resumes from the beginning, folded, contiguous, with start and the same id; nothing transient comes again', async () => {
    const { transport, taps } = await tapped();
    const first = collect(await send(transport()));
    await until(() => taps.length === 1);
    const [tap] = taps;
    if (tap === undefined) throw new Error('no tap');
    tap.push({ type: 'data-note', data: 1, transient: true }, ...START);
    for (let i = 0; i < 300; i++) tap.text(`${i} `);
    await until(() => first.text.includes('299'));
    expect(first.chunks.some(({ type }) => type === 'data-note')).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const second = collect(await resume(transport()));
    await until(() => second.text.includes('299'));
    expect(second.chunks.length).toBeLessThan(first.chunks.length + 5);
    expect(second.chunks.length).toBeLessThan(20);
    expect(second.chunks[0]).toMatchObject({ type: 'start' });
    expect(second.chunks.some(({ type }) => type === 'data-note')).toBe(false);
    tap.text('the end');
    tap.push(...END);
    tap.end();
    const chunks = await Promise.all([first.over, second.over]);
    const [a, b] = await Promise.all(chunks.map((some) => messageOf(some)));
    expect(a).toEqual(b);
    expect(second.text.endsWith('the end')).toBe(true);
    // a page that was reloaded at the last moment has it, too
    const third = await collect(await resume(transport())).over;
    expect(await messageOf(third)).toEqual(a);
  });

  test('is told that nothing is active, and refused where it may not', async () => {
    const { transport, errors } = await tapped({ authorize: (_, chatId) => chatId !== 'theirs' });
    expect(await resume(transport(), 'quiet')).toBeNull();
    await expect(resume(transport(), 'theirs')).rejects.toThrow('not available');
    await expect(collect(await send(transport(), 'theirs')).over).rejects.toThrow('not available');
    await expect(resume(transport(), 'a\nb')).rejects.toThrow('failed');
    expect(errors).toEqual([]);
  });

  test('has several chats on one socket, and several tabs on one answer', async () => {
    const { transport, taps, turns, hub } = await tapped();
    const one = transport();
    const answers = await Promise.all(['a', 'b', 'c'].map(async (chatId) => collect(await send(one, chatId))));
    await until(() => taps.length === 3);
    const tabs = await Promise.all([1, 2, 3].map(async () => collect(await resume(transport(), 'b'))));
    expect([...hub.connections]).toHaveLength(4);
    for (const [i, tap] of taps.entries()) {
      tap.push(...START);
      tap.text(`of ${turns[i]?.chatId}`);
      tap.push(...END);
      tap.end();
    }
    await Promise.all([...answers, ...tabs].map(({ over }) => over));
    expect(answers.map(({ text }) => text)).toEqual(['of a', 'of b', 'of c']);
    expect(tabs.map(({ text }) => text)).toEqual(['of b', 'of b', 'of b']);
  });

  test('aborts: a viewer leaves the others alone, and the last one stops the answer', async () => {
    const { transport, taps, turns } = await tapped();
    const stop = new AbortController();
    const first = collect(await send(transport(), 'c', { abortSignal: stop.signal }));
    await until(() => taps.length === 1);
    taps[0]?.push(...START);
    const last = transport();
    const second = collect(await resume(last));
    await until(() => second.chunks.length === 3);
    stop.abort();
    await first.over;
    taps[0]?.text('goes on');
    await until(() => second.text === 'goes on');
    expect(turns[0]?.signal.aborted).toBe(false);
    const stopLast = new AbortController();
    const third = await last.reconnectToStream({ chatId: 'c', abortSignal: stopLast.signal });
    stopLast.abort();
    await collect(third).over;
    // the second one still follows
    expect(turns[0]?.signal.aborted).toBe(false);
  });

  test('an abort of the only viewer reaches the model, and the answer so far is kept', async () => {
    const { transport, taps, turns, hub } = await tapped();
    const stop = new AbortController();
    const only = collect(await send(transport(), 'c', { abortSignal: stop.signal }));
    await until(() => taps.length === 1);
    taps[0]?.push(...START);
    taps[0]?.text('so far');
    await until(() => only.text === 'so far');
    stop.abort();
    await until(() => turns[0]?.signal.aborted === true);
    taps[0]?.end();
    await expect.poll(async () => (await hub.thread('chat:c').history()).messages.length).toBe(1);
    const [entry] = (await hub.thread('chat:c').history()).messages;
    expect(entry?.data).toMatchObject({ id: 'a1', parts: [{ type: 'step-start' }, { text: 'so far' }] });
  });

  test('a socket that is lost changes nothing for the answer, which is resumed', async () => {
    const { transport, taps, turns } = await tapped();
    const lost = transport();
    const first = collect(await send(lost));
    await until(() => taps.length === 1);
    taps[0]?.push(...START);
    taps[0]?.text('one ');
    await until(() => first.text === 'one ');
    lost.close();
    await expect(first.over).rejects.toThrow('closed');
    taps[0]?.text('two');
    const again = collect(await resume(transport()));
    taps[0]?.push(...END);
    taps[0]?.end();
    await again.over;
    expect(again.text).toBe('one two');
    expect(turns[0]?.signal.aborted).toBe(false);
  });

  test('an approval goes on with its message, which a replay has as a whole', async () => {
    const { transport, taps } = await tapped();
    const asked: UIMessage = {
      id: 'a1',
      role: 'assistant',
      parts: [
        { type: 'step-start' },
        { type: 'text', text: 'May I?', state: 'done' },
        {
          type: 'tool-delete',
          toolCallId: 'x',
          state: 'approval-responded',
          input: { path: '/' },
          approval: { id: 'ok', approved: true },
        },
      ],
    };
    const sender = collect(await send(transport(), 'c', { messages: [user('do'), asked] }));
    await until(() => taps.length === 1);
    taps[0]?.push(
      { type: 'start', messageId: 'a1' },
      { type: 'start-step' },
      { type: 'tool-output-available', toolCallId: 'x', output: 'done' },
    );
    await until(() => sender.chunks.some(({ type }) => type === 'tool-output-available'));
    const late = collect(await resume(transport()));
    await until(() => late.chunks.some(({ type }) => type === 'tool-output-available'));
    taps[0]?.push({ type: 'finish-step' }, { type: 'finish' });
    taps[0]?.end();
    const whole = await messageOf(await sender.over, asked);
    expect(await messageOf(await late.over)).toEqual(whole);
    expect(whole?.parts[2]).toMatchObject({ state: 'output-available', output: 'done' });
    expect(sender.chunks.some(({ type }) => type === 'tool-input-available')).toBe(false);
  });

  test('a second request is refused while an answer is in progress, or waits for its end', async () => {
    const { transport, taps } = await tapped();
    const first = collect(await send(transport()));
    await until(() => taps.length === 1);
    await expect(collect(await send(transport())).over).rejects.toThrow('already active');
    taps[0]?.push(...START, ...END);
    taps[0]?.end();
    await first.over;
    const next = collect(await send(transport()));
    await until(() => taps.length === 2);
    taps[1]?.end();
    await next.over;

    const queue = await tapped({ whenBusy: 'queue' });
    const before = collect(await send(queue.transport()));
    await until(() => queue.taps.length === 1);
    const after = collect(await send(queue.transport()));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(queue.taps).toHaveLength(1);
    queue.taps[0]?.end();
    await before.over;
    await until(() => queue.taps.length === 2);
    queue.taps[1]?.push(...START);
    queue.taps[1]?.text('second');
    queue.taps[1]?.end();
    await after.over;
    expect(after.text).toBe('second');
  });

  test('a failure is an error chunk without internals, and the hub has the error', async () => {
    const { transport, taps, errors, hub } = await tapped();
    const answer = collect(await send(transport()));
    await until(() => taps.length === 1);
    taps[0]?.push(...START);
    taps[0]?.text('so far');
    taps[0]?.fail(new Error('secret at 10.0.0.1'));
    const chunks = await answer.over;
    expect(chunks.at(-1)).toEqual({ type: 'error', errorText: 'The answer failed.' });
    expect(JSON.stringify(chunks)).not.toContain('secret');
    expect(errors).toEqual([new Error('secret at 10.0.0.1')]);
    expect((await hub.thread('chat:c').history()).messages).toHaveLength(1);
    const early = await startChat({
      run: () => {
        throw new Error('no model');
      },
    });
    expect((await collect(await send(early.transport())).over).map(({ type }) => type)).toEqual(['start', 'error']);
    const wrong = await startChat({ run: () => JSON.parse('[1]') });
    expect((await collect(await send(wrong.transport())).over).map(({ type }) => type)).toEqual(['start', 'error']);
  });

  test('a stop button of the application stops the answer for all', async () => {
    const { transport, taps, turns, chat } = await tapped();
    const answers = [collect(await send(transport()))];
    await until(() => taps.length === 1);
    answers.push(collect(await resume(transport())));
    taps[0]?.push(...START);
    await until(() => answers.every(({ chunks }) => chunks.length === 3));
    expect(chat.runs).toBe(1);
    expect(chat.cancel('other')).toBe(false);
    expect(chat.cancel('c')).toBe(true);
    expect(turns[0]?.signal.aborted).toBe(true);
    taps[0]?.end();
    for (const { over } of answers) expect((await over).at(-1)).toEqual({ type: 'abort' });
    expect(chat.runs).toBe(0);
  });

  test('an answer without viewers is stopped after its time', async () => {
    const { transport, taps, turns } = await tapped({ abandonedTimeoutMs: 100 });
    const gone = transport();
    const answer = collect(await send(gone));
    await until(() => taps.length === 1);
    gone.close();
    await expect(answer.over).rejects.toThrow('closed');
    await until(() => turns[0]?.signal.aborted === true);
  });
});

describe('any other client', () => {
  const frame = (more: object = {}): object => ({
    type: 'send',
    requestId: 'r',
    id: 'c',
    trigger: 'submit-message',
    messages: [user('hi')],
    headers: {},
    body: {},
    ...more,
  });

  test('is closed with 4400 for what is no frame', async () => {
    const { url } = await tapped();
    const wrong: unknown[] = [
      '',
      '{',
      '[]',
      '"a"',
      { type: 'send' },
      frame({ messages: [{}] }),
      frame({ messages: 1 }),
      frame({ trigger: 'x' }),
      frame({ headers: { a: 1 } }),
      frame({ requestId: 'x'.repeat(300) }),
      { type: 'resume', requestId: 'r', id: 'c', headers: {}, body: {}, lastSequence: 3 },
      '['.repeat(200_000),
    ];
    for (const value of wrong) {
      const client = await raw(url);
      client.say(value);
      expect(await client.closed, JSON.stringify(value).slice(0, 80)).toBe(4400);
    }
    const twice = await raw(url);
    twice.say(frame());
    twice.say(frame());
    expect(await twice.closed).toBe(4400);
    const binary = await raw(url);
    binary.socket.send(Buffer.from('{}'));
    expect(await binary.closed).toBe(4400);
  });

  test('sends no request beyond maxRequestBytes, and a big one holds the loop for a moment only', async () => {
    const { url, taps, turns } = await tapped();
    const big = Array.from({ length: 3_000 }, (_, i) => user(`${i} `.repeat(200), `u${i}`));
    const client = await raw(url);
    client.say(frame({ messages: big }));
    await until(() => taps.length === 1);
    expect(turns[0]?.messages).toEqual(big);
    const over = await raw(url);
    over.say(frame({ messages: [user('x'.repeat(5 * 1024 * 1024))] }));
    expect(await over.closed).toBe(1009);
    taps[0]?.end();
  });

  test('has so many requests at once', async () => {
    const { url } = await tapped({ maxRequestsPerConnection: 2 });
    const client = await raw(url);
    for (const id of ['a', 'b', 'c']) client.say(frame({ requestId: id, id }));
    await until(() => client.frames.some(({ type, requestId }) => type === 'error' && requestId === 'c'));
  });

  test('gets an error when the application takes it out of the chat, or erases the chat', async () => {
    for (const how of ['leave', 'delete']) {
      const { url, taps, hub, errors } = await tapped();
      const client = await raw(url);
      client.say(frame());
      await until(() => taps.length === 1);
      taps[0]?.push(...START);
      await until(() => client.frames.length === 3);
      if (how === 'delete') await hub.thread('chat:c').delete();
      else for (const connection of hub.connections) connection.leave('chat:c');
      await until(() => ['error', 'end'].includes(client.frames.at(-1)?.type ?? ''));
      if (how === 'delete') expect(client.frames.at(-2)).toMatchObject({ chunk: { type: 'error' } });
      taps[0]?.end();
      if (how === 'leave') expect(errors).toEqual([]);
    }
  });

  test('leaves the chat with its last request, also if that is aborted before the application has answered', async () => {
    let allow = (): void => {};
    const { url, taps, hub } = await tapped({
      authorize: () => new Promise<boolean>((resolve) => (allow = () => resolve(true))),
    });
    const client = await raw(url);
    client.say(frame());
    await until(() => String(allow).includes('resolve'));
    client.say({ type: 'abort', requestId: 'r' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    allow();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(hub.thread('chat:c').members).toEqual([]);
    expect(taps).toEqual([]);
  });

  test('is refused while requests hold too many bytes', async () => {
    const { url, taps } = await tapped({ maxTotalRequestBytes: 1_000 });
    const client = await raw(url);
    client.say(frame({ messages: [user('x'.repeat(700))] }));
    await until(() => taps.length === 1);
    client.say(frame({ requestId: 's', id: 'd', messages: [user('x'.repeat(700))] }));
    await until(() => client.frames.some(({ type, requestId }) => type === 'error' && requestId === 's'));
    taps[0]?.end();
    await until(() => client.frames.some(({ type }) => type === 'end'));
    client.say(frame({ requestId: 't', id: 'd', messages: [user('x'.repeat(700))] }));
    await until(() => taps.length === 2);
  });

  test('that takes nothing delays no other, and costs no queue', async () => {
    const { url, taps, transport, hub } = await tapped();
    const stalled = await raw(url);
    stalled.say(frame());
    await until(() => taps.length === 1);
    stalled.socket.pause();
    const viewer = collect(await resume(transport()));
    taps[0]?.push(...START);
    const word = 'word '.repeat(2_000);
    for (let i = 0; i < 600; i++) taps[0]?.text(word);
    await expect.poll(() => viewer.text.length).toBe(600 * word.length);
    const [connection] = hub.connections;
    expect(connection?.stats.unsentBytes).toBeLessThan(2 * 1024 * 1024);
    stalled.socket.resume();
    taps[0]?.push(...END);
    taps[0]?.end();
    await until(() => stalled.frames.at(-1)?.type === 'end');
    expect(stalled.frames.filter(({ type }) => type === 'chunk').map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: stalled.frames.length - 1 }, (_, i) => i),
    );
  });

  test('gets no message of threads that the hub or the application has joined for it', async () => {
    const { hub, url, taps, errors } = await tapped({ authenticate: () => ({ userId: 'ada' }) });
    hub.on('connection', (connection) => {
      void connection.join('lobby');
      // the thread of its chat, which it follows later
      void connection.join('chat:c');
    });
    await hub.user('ada').send({ n: 'to the user, before' });
    const { say, frames, socket } = await raw(url);
    await until(() => [...hub.connections].length === 1);
    const receipts = [
      await hub.user('ada').send({ n: 'to the user' }),
      await hub.thread('lobby').send({ n: 'to the lobby' }),
      await [...hub.connections][0]?.send({ n: 'to the connection' }),
    ];
    expect(receipts.map((receipt) => receipt?.recipients)).toEqual([0, 0, 0]);
    const about = { trigger: 'submit-message', messages: [user('hi')], headers: {}, body: {} };
    say({ type: 'send', requestId: 'r', id: 'c', ...about });
    await until(() => taps.length === 1);
    taps[0]?.text('words');
    taps[0]?.push(...END);
    taps[0]?.end();
    await until(() => frames.at(-1)?.type === 'end');
    expect(frames.filter(({ type }) => type === undefined)).toEqual([]);
    expect(errors).toEqual([]);
    socket.terminate();
  });

  test('junk for requests that are not open changes nothing', async () => {
    const { url } = await tapped();
    const client = await raw(url);
    client.say({ type: 'abort', requestId: 'none' });
    client.say({ type: 'cancel', id: 'none' });
    client.say({ type: 'resume', requestId: 'r', id: 'c', headers: {}, body: {} });
    await until(() => client.frames.some(({ type }) => type === 'no-active'));
  });
});
