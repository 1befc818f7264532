import { setTimeout as wait } from 'node:timers/promises';
import type { ChatMessage, UIChunk } from 'threadcast/ai';

// Answers without a model: reasoning, text, tools, data parts, an approval and a big result, word by word.

/** Between two words, in milliseconds. */
const PACE_MS = Number(process.env['PACE_MS'] ?? 30);

const chunk = (type: string, fields: object = {}): UIChunk => ({ ...fields, type });

export async function* recordedAnswer(messages: readonly ChatMessage[], signal: AbortSignal): AsyncGenerator<UIChunk> {
  const question = textOf(messages.findLast(({ role }) => role === 'user'));
  const approval = messages.at(-1)?.parts.findLast(isAnswered);
  yield chunk('start');
  yield chunk('start-step');
  for await (const next of approval === undefined ? answerTo(question) : afterApproval(approval)) {
    if (signal.aborted) return;
    yield next;
    await wait(PACE_MS);
  }
  yield chunk('finish-step');
  yield chunk('finish');
}

function answerTo(question: string): AsyncIterable<UIChunk> | Iterable<UIChunk> {
  if (/weather/i.test(question)) return weather();
  if (/delete/i.test(question)) return deletion();
  if (/export/i.test(question)) return exported();
  return plan(question);
}

function* plan(question: string): Generator<UIChunk> {
  yield* said(
    'reasoning',
    'r',
    `The question is “${question}”. A plan has an order, so I start with what everything else waits for. Then I look at what can be done at the same time, and at what may go wrong.`,
  );
  for (let done = 0; done <= 1; done += 0.25)
    yield chunk('data-progress', { id: 'p', data: { label: 'Looking at the calendar', done } });
  yield* said('text', 't', PLAN);
}

function* weather(): Generator<UIChunk> {
  yield* said('text', 't1', 'I ask for both places.');
  for (const [place, degrees] of [
    ['Oslo', 4],
    ['Lisbon', 17],
  ] as const) {
    const call = { toolCallId: `weather-${place}`, toolName: 'weather' };
    yield chunk('tool-input-start', call);
    for (const inputTextDelta of ['{"pla', 'ce":"', place, '","unit":"', '°C"}'])
      yield chunk('tool-input-delta', { toolCallId: call.toolCallId, inputTextDelta });
    yield chunk('tool-input-available', { ...call, input: { place, unit: '°C' } });
    for (const sky of ['clouds', 'clear'])
      yield chunk('tool-output-available', {
        toolCallId: call.toolCallId,
        output: { sky, degrees },
        preliminary: sky === 'clouds',
      });
    yield chunk('tool-output-available', { toolCallId: call.toolCallId, output: { sky: 'clear', degrees } });
  }
  yield chunk('finish-step');
  yield chunk('start-step');
  yield* said(
    'text',
    't2',
    'Oslo has 4 °C and a clear sky, Lisbon 17 °C.\n\nTake a coat for the one and sunglasses for the other.',
  );
}

function* deletion(): Generator<UIChunk> {
  yield* said('text', 't1', 'There are 12 drafts that are older than a year. I may not delete them without you.');
  const toolCallId = `drafts-${Date.now()}`;
  yield chunk('tool-input-available', {
    toolCallId,
    toolName: 'deleteDrafts',
    input: { olderThanDays: 365, count: 12 },
  });
  yield chunk('tool-approval-request', { approvalId: `ok-${toolCallId}`, toolCallId });
}

interface Answered {
  readonly type: string;
  readonly toolCallId?: unknown;
  readonly state?: unknown;
  readonly approval?: { readonly approved?: unknown };
}

const isAnswered = (part: Answered): boolean => part.state === 'approval-responded';

function* afterApproval({ toolCallId, approval }: Answered): Generator<UIChunk> {
  const isApproved = approval?.approved === true;
  yield isApproved
    ? chunk('tool-output-available', { toolCallId, output: { deleted: 12 } })
    : chunk('tool-output-denied', { toolCallId });
  yield chunk('finish-step');
  yield chunk('start-step');
  yield* said('text', 't2', isApproved ? 'The 12 drafts are gone.' : 'Then they stay where they are.');
}

function* exported(): Generator<UIChunk> {
  yield* said('text', 't1', 'I fetch all orders of this year.');
  const call = { toolCallId: `orders-${Date.now()}`, toolName: 'listOrders' };
  yield chunk('tool-input-available', { ...call, input: { year: 2026 } });
  const output = Array.from({ length: 20_000 }, (_, i) => ({
    id: `order-${i}`,
    total: (i * 37) % 500,
    country: i % 3 === 0 ? 'NO' : 'PT',
  }));
  yield chunk('tool-output-available', { toolCallId: call.toolCallId, output });
  yield* said('text', 't2', 'Here they are: 20,000 orders. Nothing else has waited for them.');
}

/** A text as a model says it. */
function* said(kind: 'text' | 'reasoning', id: string, text: string): Generator<UIChunk> {
  yield chunk(`${kind}-start`, { id });
  for (const delta of text.split(/(?<=\s)/)) yield chunk(`${kind}-delta`, { id, delta });
  yield chunk(`${kind}-end`, { id });
}

function textOf(message: ChatMessage | undefined): string {
  const texts = message?.parts.map((part: { readonly type: string; readonly text?: unknown }) => part.text) ?? [];
  return texts.filter((text) => typeof text === 'string').join(' ');
}

const PLAN = `Here is a plan in four steps.

First, decide what has to work on the first day. Write it down as a list that fits on one screen, and say for each line how you will see that it works. Whatever is not on the list may wait.

Second, let ten people use it. Sit beside two of them and say nothing. What they stumble over goes on the list, at the top.

Third, prepare the day itself: who answers questions, who watches the numbers, who may turn it off. Try the turning off once, in the morning, while everybody is there.

Fourth, launch on a Tuesday. Look at the numbers in the evening, not every minute, and tell everybody what you have seen.`;
