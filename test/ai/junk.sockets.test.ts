import type { UIMessage, UIMessageChunk } from 'ai';
import { expect, test } from 'vitest';
import { uiMessageCodec, type UIChunk } from '../../src/ai/index.ts';
import { END, START, Tap } from './chat-server.ts';
import { startClients, type Tab } from './client-harness.ts';

// what a server, or another application on the same threads, may send: a page shows what it can, and goes on

const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { interval: 5 }).toBe(true);

const textOf = ({ chat }: Tab): string => JSON.stringify(chat.messages);

async function tapped() {
  const taps: Tap[] = [];
  const harness = await startClients({
    run() {
      const tap = new Tap();
      taps.push(tap);
      return tap;
    },
  });
  return Object.assign(harness, { taps });
}

const JUNK: readonly unknown[] = [
  null,
  7,
  'text',
  [],
  {},
  { id: 7, role: 'user', parts: [] },
  { id: 'a' },
  { id: 'b', role: 'user' },
  { id: 'c', role: 'assistant', parts: 'text' },
  { id: 'd', role: 'assistant', parts: [null, 7, {}, { type: 'text' }, { type: 'tool-x', state: 'other' }] },
  { id: 'e', role: 'nobody', parts: [] },
];

test('messages of the log that are none are left out, and the chat goes on, in an old tab and in a late one', async () => {
  const harness = await tapped();
  const tab = await harness.tab();
  for (const data of JUNK) await harness.hub.thread('chat:c').send(data);
  const late = await harness.tab();
  for (const [n, each] of [tab, late].entries()) {
    const sent = each.chat.sendMessage({ text: `question ${n}` });
    await until(() => harness.taps.length === n + 1);
    harness.taps[n]?.push({ type: 'start', messageId: `real-${n}` }, ...START.slice(1));
    harness.taps[n]?.text(`answer ${n}`);
    harness.taps[n]?.push(...END);
    harness.taps[n]?.end();
    await sent;
    for (const other of [tab, late]) await until(() => textOf(other).includes(`answer ${n}`));
  }
  for (const { chat, failures } of [tab, late]) {
    expect(chat.messages.every((message) => typeof message.id === 'string' && Array.isArray(message.parts))).toBe(true);
    expect(chat.status).toBe('ready');
    expect(failures).toEqual([]);
  }
});

const chunk = (type: string, fields: object = {}): UIChunk => ({ type, ...fields });

test.each<[string, readonly UIChunk[]]>([
  ['of no kind that is known', [chunk('start', { messageId: 'j' }), chunk('other', { a: 1 })]],
  ['with deltas of nothing', [chunk('start', { messageId: 'j' }), chunk('text-delta', { id: 'none', delta: 'x' })]],
  [
    'with fields of other types',
    [chunk('start', { messageId: 7 }), chunk('text-start', { id: {} }), chunk('text-delta', { id: {}, delta: 7 })],
  ],
  [
    'with results of calls that are none',
    [chunk('start', { messageId: 'j' }), chunk('tool-output-available', { toolCallId: 'x', output: 1 })],
  ],
])('an answer %s is no end of the chat: the next one shows', async (_, chunks) => {
  const harness = await tapped();
  const tab = await harness.tab();
  const stream = harness.hub.thread('chat:c').stream<UIChunk>({ codec: uiMessageCodec });
  for (const each of chunks) stream.write(each);
  await until(() => tab.chat.status !== 'ready' || tab.failures.length > 0);
  await stream.end();
  await until(() => ['ready', 'error'].includes(tab.chat.status));
  const late = await harness.tab();
  for (const [n, each] of [tab, late].entries()) {
    const sent = each.chat.sendMessage({ text: `question ${n}` });
    await until(() => harness.taps.length === n + 1);
    const real: UIMessageChunk[] = [{ type: 'start', messageId: `real-${n}` }, ...START.slice(1)];
    harness.taps[n]?.push(...real);
    harness.taps[n]?.text(`answer ${n}`);
    harness.taps[n]?.push(...END);
    harness.taps[n]?.end();
    await sent;
    for (const other of [tab, late]) await until(() => textOf(other).includes(`answer ${n}`));
  }
  const whole: UIMessage[] = tab.chat.messages;
  expect(whole.at(-1)?.id).toBe('real-1');
});
