import { chat, EventType, toolDefinition, type StreamChunk, type UIMessage } from '@tanstack/ai';
import { BaseTextAdapter } from '@tanstack/ai/adapters';
import { expect, onTestFinished, test } from 'vitest';
import type { RunTurn } from '../../src/ai/index.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { shown, startRuns, textOf, type RunTab } from './tanstack-harness.ts';

// chat() and ChatClient of TanStack AI: a tool with a big result, then one that needs an approval

const BIG = 'x'.repeat(4 * 1024 * 1024);

const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { interval: 20 }).toBe(true);

type Options = Parameters<BaseTextAdapter<'steps', object, readonly ['text'], never>['chatStream']>[0];

/** Calls one tool after the other, then says that it is done. */
class Steps extends BaseTextAdapter<'steps', object, readonly ['text'], never> {
  readonly name = 'steps';
  readonly #gate: Promise<void>;

  constructor(gate: Promise<void>) {
    super({}, 'steps');
    this.#gate = gate;
  }

  async *chatStream({ messages, runId = '', threadId = '' }: Options): AsyncGenerator<StreamChunk> {
    const step = messages.filter(({ role }) => role === 'tool').length;
    const tool = ['orders', 'remove'][step];
    if (step === 1) await this.#gate;
    const messageId = `${runId}-${step}`;
    yield { type: EventType.RUN_STARTED, runId, threadId };
    yield { type: EventType.TEXT_MESSAGE_START, messageId, role: 'assistant' };
    yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId, delta: tool === undefined ? 'Done.' : `Calling ${tool}.` };
    yield { type: EventType.TEXT_MESSAGE_END, messageId };
    if (tool !== undefined) {
      const toolCallId = `call-${tool}`;
      yield { type: EventType.TOOL_CALL_START, toolCallId, toolCallName: tool, parentMessageId: messageId };
      yield { type: EventType.TOOL_CALL_ARGS, toolCallId, delta: '{}' };
      yield { type: EventType.TOOL_CALL_END, toolCallId };
    }
    const finishReason = tool === undefined ? 'stop' : 'tool_calls';
    yield { type: EventType.RUN_FINISHED, runId, threadId, metadata: { tanstack: { finishReason } } };
  }

  structuredOutput(): Promise<never> {
    return Promise.reject(new Error('not here'));
  }
}

const tools = [
  toolDefinition({ name: 'orders', description: 'All orders' }).server(() => ({ orders: BIG })),
  toolDefinition({ name: 'remove', description: 'Removes something', needsApproval: true }).server(() => ({
    removed: 12,
  })),
];

const callOf = (tab: RunTab, name: string) =>
  tab.chat
    .getMessages()
    .flatMap(({ parts }) => parts)
    .filter((part) => part.type === 'tool-call')
    .find((part) => part.name === name);

const stateOf = (tab: RunTab, name: string): string | undefined => callOf(tab, name)?.state;

// without `shown`, which copies a big result
const hasResult = (tab: RunTab, toolCallId: string): boolean =>
  tab.chat
    .getMessages()
    .some(({ parts }) => parts.some((part) => part.type === 'tool-result' && part.toolCallId === toolCallId));

test('a viewer in the middle of a big result is asked for an approval of the same run, and all show the same in the end', async () => {
  const gate = Promise.withResolvers<void>();
  const run = ({ tools: _tools, forwardedProps: _props, session: _session, ...turn }: RunTurn<UIMessage>) =>
    chat({ adapter: new Steps(gate.promise), tools, ...turn });
  const harness = await startRuns(run, (error) => String(error), {
    streams: { maxBytes: 8 * BIG.length },
    maxMessageBytes: 8 * BIG.length,
  });
  const proxy = await startTcpProxy(Number(new URL(harness.url).port), 2 * 1024 * 1024);
  onTestFinished(() => proxy.close());
  const [fast, slow] = [harness.tab(), harness.tab('chat:c', harness.url.replace(/:\d+/, `:${proxy.port}`))];
  void fast.chat.sendMessage('look, then remove');
  await until(() => stateOf(slow, 'orders') !== undefined);
  await until(() => proxy.bytesDown > BIG.length / 8);
  // however long this machine takes for the request, most of the result waits
  proxy.rate = 512 * 1024;
  gate.resolve();
  await until(() => stateOf(slow, 'remove') === 'approval-requested');
  expect(hasResult(slow, 'call-orders')).toBe(false);
  expect(proxy.bytesDown).toBeLessThan(BIG.length / 2);
  await until(() => stateOf(fast, 'remove') === 'approval-requested' && hasResult(fast, 'call-orders'));
  proxy.rate = Infinity;
  await until(() => hasResult(slow, 'call-orders'));
  expect(JSON.stringify(shown(slow)) === JSON.stringify(shown(fast))).toBe(true);
  const late = harness.tab();
  await until(() => stateOf(late, 'remove') === 'approval-requested');
  expect(JSON.stringify(shown(late)) === JSON.stringify(shown(fast))).toBe(true);
  // a page that declares no tools has an interrupt without a tool of its own
  const [interrupt] = slow.chat.getInterrupts();
  if (interrupt?.kind !== 'generic') throw new Error('no interrupt');
  interrupt.resolveInterrupt({ approved: true });
  for (const tab of [fast, slow, late]) {
    await until(() => hasResult(tab, 'call-remove') && textOf(tab).at(-1) === 'assistant: Done.');
    expect(JSON.stringify(shown(tab)) === JSON.stringify(shown(fast))).toBe(true);
  }
  expect([...slow.failures, ...fast.failures, ...late.failures, ...harness.errors]).toEqual([]);
});

test('an interrupt passes a result of 50 MB on the same connection', async () => {
  const size = Number(process.env.MB ?? 50) * 1024 * 1024;
  const gate = Promise.withResolvers<void>();
  async function* run({ runId, threadId }: RunTurn<UIMessage>): AsyncGenerator<StreamChunk> {
    const messageId = `m-${runId}`;
    yield { type: EventType.RUN_STARTED, runId, threadId };
    yield { type: EventType.TEXT_MESSAGE_START, messageId, role: 'assistant' };
    yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId, delta: 'I look.' };
    yield { type: EventType.TEXT_MESSAGE_END, messageId };
    for (const name of ['orders', 'remove']) {
      const toolCallId = `call-${name}`;
      yield { type: EventType.TOOL_CALL_START, toolCallId, toolCallName: name, parentMessageId: messageId };
      yield { type: EventType.TOOL_CALL_ARGS, toolCallId, delta: '{}' };
      yield { type: EventType.TOOL_CALL_END, toolCallId };
    }
    const result = { messageId: `${messageId}-r`, toolCallId: 'call-orders', content: 'x'.repeat(size) };
    yield { type: EventType.TOOL_CALL_RESULT, ...result };
    await gate.promise;
    const interrupt = { id: 'ask', reason: 'tool_approval', toolCallId: 'call-remove', message: 'May I?' };
    yield { type: EventType.RUN_FINISHED, runId, threadId, outcome: { type: 'interrupt', interrupts: [interrupt] } };
  }
  const harness = await startRuns(run, (error) => String(error), {
    streams: { maxBytes: 2 * size },
    maxMessageBytes: 2 * size,
    serializer: { timeoutMs: 120_000 },
  });
  const proxy = await startTcpProxy(Number(new URL(harness.url).port), 8 * 1024 * 1024);
  onTestFinished(() => proxy.close());
  const [fast, slow] = [harness.tab(), harness.tab('chat:c', harness.url.replace(/:\d+/, `:${proxy.port}`))];
  void fast.chat.sendMessage('look, then remove');
  await until(() => callOf(slow, 'remove') !== undefined && proxy.bytesDown > size / 10);
  proxy.rate = 2 * 1024 * 1024;
  gate.resolve();
  await until(() => slow.chat.getInterrupts().length === 1);
  expect(hasResult(slow, 'call-orders')).toBe(false);
  expect(proxy.bytesDown).toBeLessThan(size / 2);
  proxy.rate = Infinity;
  for (const tab of [fast, slow]) await until(() => hasResult(tab, 'call-orders'));
  expect(JSON.stringify(shown(slow)) === JSON.stringify(shown(fast))).toBe(true);
  expect([...slow.failures, ...fast.failures, ...harness.errors]).toEqual([]);
});
