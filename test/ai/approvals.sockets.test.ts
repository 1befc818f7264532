import type { UIMessageChunk } from 'ai';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { START, startChat, Tap, user } from './chat-server.ts';
import { seen, startClients, type Tab } from './client-harness.ts';

const MEGABYTES = Number(process.env.MB ?? 50);
const BIG = 'x'.repeat(MEGABYTES * 1024 * 1024);
// the time limits are those of a machine that does nothing else
const STREAMS = { streams: { maxBytes: 2 * BIG.length }, serializer: { timeoutMs: 120_000 } };

const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { interval: 20 }).toBe(true);

const call = (toolCallId: string): UIMessageChunk => ({
  type: 'tool-input-available',
  toolCallId,
  toolName: 'look',
  input: { of: toolCallId },
});
const result = (toolCallId: string): UIMessageChunk => ({
  type: 'tool-output-available',
  toolCallId,
  output: BIG,
});
const approval = (toolCallId: string): UIMessageChunk => ({
  type: 'tool-approval-request',
  toolCallId,
  approvalId: `p-${toolCallId}`,
});

const portOf = (url: string): number => Number(new URL(url).port);

async function slowLine(url: string, rate: number): Promise<TcpProxy> {
  const proxy = await startTcpProxy(portOf(url), rate);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** The state of a tool call in the newest message. */
function stateOf({ chat }: Tab, toolCallId: string): string | undefined {
  const part = chat.messages.at(-1)?.parts.find((each) => 'toolCallId' in each && each.toolCallId === toolCallId);
  return part !== undefined && 'state' in part ? part.state : undefined;
}

test('a viewer over threadcast/client in the middle of a 50 MB result gets an approval before its end, of the same answer and of another chat', async () => {
  const taps: Tap[] = [];
  const harness = await startClients(
    {
      run: () => {
        const tap = new Tap();
        taps.push(tap);
        return tap;
      },
    },
    STREAMS,
  );
  const proxy = await slowLine(harness.url, 8 * 1024 * 1024);
  const at = harness.url.replace(String(portOf(harness.url)), String(proxy.port));
  const [fast, slow] = [await harness.tab(), await harness.tab('c', at)];
  const others = slow.transport;
  const sent = fast.chat.sendMessage({ text: 'look' });
  await until(() => taps.length === 1);
  taps[0]?.push(...START, call('a'));
  await until(() => stateOf(slow, 'a') === 'input-available');
  const asked = await others.sendMessages({
    chatId: 'd',
    messages: [user('other')],
    trigger: 'submit-message',
    messageId: undefined,
    abortSignal: undefined,
  });
  await until(() => taps.length === 2);
  const before = proxy.bytesDown;
  taps[0]?.push(result('a'));
  await until(() => proxy.bytesDown > before + BIG.length / 10);
  // in the middle of it: however long this machine takes for the requests, most of it waits
  proxy.rate = 2 * 1024 * 1024;
  taps[0]?.push({ type: 'finish-step' }, { type: 'start-step' }, call('b'), approval('b'));
  taps[1]?.push(...START, call('e'), approval('e'));
  const reader = asked.getReader();
  const other: UIMessageChunk[] = [];
  while (other.at(-1)?.type !== 'tool-approval-request') {
    const { done, value } = await reader.read();
    if (done) break;
    other.push(value);
  }
  await until(() => stateOf(slow, 'b') === 'approval-requested');
  expect(other.at(-1)).toEqual(approval('e'));
  expect(stateOf(slow, 'a')).toBe('input-available');
  expect(proxy.bytesDown - before).toBeLessThan(BIG.length / 2);
  proxy.rate = Infinity;
  for (const tap of taps) {
    tap.push({ type: 'finish-step' }, { type: 'finish' });
    tap.end();
  }
  await sent;
  await until(() => slow.chat.status === 'ready' && stateOf(slow, 'a') === 'output-available');
  expect(seen(slow.chat)).toEqual(seen(fast.chat));
  const kinds = (seen(slow.chat).at(-1)?.parts ?? []).map(({ type }) => type);
  expect(kinds).toEqual(['step-start', 'text', 'tool-look', 'step-start', 'tool-look']);
  expect([...slow.failures, ...fast.failures, ...harness.errors]).toEqual([]);
});

/** A socket of the stock transport, with the kinds of what it gets. */
async function stock(url: string) {
  const socket = new WebSocket(url, { maxPayload: 2 * BIG.length });
  onTestFinished(() => socket.terminate());
  const types: string[] = [];
  const sequences: number[] = [];
  const got = { text: 0 };
  socket.on('message', (data) => {
    const { type, requestId, sequence, chunk } = JSON.parse(String(data));
    types.push(`${requestId} ${chunk?.type ?? type}`);
    if (requestId === 'c' && type === 'chunk') sequences.push(sequence);
    if (chunk?.type === 'text-delta') got.text += chunk.delta.length;
  });
  await new Promise((resolve) => socket.once('open', resolve));
  const say = (type: string, id: string, more: object = {}): void =>
    socket.send(JSON.stringify({ type, requestId: id, id, headers: {}, body: {}, ...more }));
  return { socket, types, sequences, got, say };
}

test('on a socket of the stock transport, a result that has not begun is passed: by the same answer and by another chat', async () => {
  const taps: Tap[] = [];
  const { url, errors, hub } = await startChat(
    {
      run: () => {
        const tap = new Tap();
        taps.push(tap);
        return tap;
      },
    },
    STREAMS,
  );
  const { socket, types, sequences, say } = await stock(url);
  for (const [n, id] of ['c', 'd'].entries()) {
    say('send', id, { trigger: 'submit-message', messages: [user('hello')] });
    await until(() => taps.length === n + 1);
  }
  const [c, d] = taps;
  c?.push(...START, call('a'), call('b'));
  d?.push(...START, call('e'));
  await until(() => types.includes('c tool-input-available') && types.includes('d tool-input-available'));
  const [connection] = hub.connections;
  // one that takes everything says what the server has sent
  const witness = await stock(url);
  for (const id of ['c', 'd']) witness.say('resume', id);
  socket.pause();
  const filler = ' '.repeat(32 * 1024);
  // the line is full before the result comes: it takes nothing of the last round
  for (let taken = -1, pushed = 0; taken !== connection?.stats.bytes;) {
    taken = connection?.stats.bytes ?? 0;
    for (let n = 0; n < 64; n++, pushed += filler.length) d?.push({ type: 'text-delta', id: 't', delta: filler });
    await until(() => witness.got.text === pushed);
  }
  c?.push(result('a'));
  await until(() => witness.types.includes('c tool-output-available'));
  c?.push(approval('b'), { type: 'finish-step' }, { type: 'finish' });
  d?.push(approval('e'), { type: 'finish-step' }, { type: 'finish' });
  c?.end();
  d?.end();
  await until(() => witness.types.includes('c end') && witness.types.includes('d end'));
  socket.resume();
  await until(() => types.includes('c end') && types.includes('d end'));
  const big = types.indexOf('c tool-output-available');
  expect(types.indexOf('c tool-approval-request')).toBeLessThan(big);
  expect(types.indexOf('d tool-approval-request')).toBeLessThan(big);
  expect(types.indexOf('c finish')).toBeGreaterThan(big);
  expect(sequences).toEqual(sequences.map((_, i) => i));
  expect(errors).toEqual([]);
});
