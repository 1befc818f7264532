import { readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { uiMessageCodec, type UIChunk } from '../../src/ai/index.ts';
import { chunksOf } from '../../src/ai/message-chunks.ts';
import { trials } from '../support/tier.ts';

/** As the AI SDK reads it. Undefined where it stops: a reset took the part that a later chunk belongs to. */
async function read(chunks: readonly UIMessageChunk[]): Promise<UIMessage | undefined> {
  let isStopped = false;
  const onError = (error: unknown): void => {
    isStopped ||= !(error instanceof Error) || error.message !== 'oh';
  };
  let last: UIMessage | undefined;
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(structuredClone(chunk));
      controller.close();
    },
  });
  for await (const message of readUIMessageStream({ stream, onError })) last = message;
  return isStopped ? undefined : last;
}

function folded(chunks: readonly UIMessageChunk[]): UIMessageChunk[] {
  const all: UIChunk[] = [];
  for (const chunk of chunks) {
    if (uiMessageCodec.isTransient?.(chunk) === true) continue;
    const last = all.at(-1);
    const both = last && uiMessageCodec.fold(last, chunk);
    if (both === undefined) all.push(chunk);
    else all[all.length - 1] = both;
  }
  // as they come over the wire
  return JSON.parse(JSON.stringify(all));
}

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));

const metadata = fc.option(fc.record({ p: fc.record({ a: fc.nat(3) }) }), { nil: undefined, freq: 4 });
const deltas = (text: string): fc.Arbitrary<string[]> =>
  fc.array(fc.integer({ min: 1, max: Math.max(1, text.length) }), { maxLength: 5 }).map((cuts) => {
    const ends = [...new Set([...cuts.filter((cut) => cut < text.length), text.length])].sort((a, b) => a - b);
    return ends.map((end, i) => text.slice(i === 0 ? 0 : ends[i - 1], end));
  });

const text = (id: string): fc.Arbitrary<UIMessageChunk[]> =>
  fc
    .tuple(
      fc.constantFrom('text', 'reasoning'),
      fc.array(fc.tuple(fc.string(), metadata), { maxLength: 6 }),
      metadata,
      fc.boolean(),
    )
    .map(([kind, pieces, providerMetadata, isOpen]): UIMessageChunk[] => {
      const type = kind === 'text' ? 'text' : 'reasoning';
      const end: UIMessageChunk[] = isOpen
        ? []
        : [{ type: `${type}-end`, id, ...(providerMetadata && { providerMetadata }) }];
      return [
        { type: `${type}-start`, id },
        ...pieces.map(([delta, meta]): UIMessageChunk => ({
          type: `${type}-delta`,
          id,
          delta,
          ...(meta && { providerMetadata: meta }),
        })),
        ...end,
      ];
    });

const tool = (toolCallId: string): fc.Arbitrary<UIMessageChunk[]> =>
  fc
    .record({
      input: fc.record({ city: fc.string(), list: fc.array(fc.oneof(fc.nat(), fc.boolean(), fc.constant(null))) }),
      dynamic: fc.boolean(),
      isStreamed: fc.boolean(),
      cut: fc.option(fc.nat(30), { nil: undefined }),
      approval: fc.constantFrom('none', 'requested', 'approved', 'denied'),
      result: fc.constantFrom('none', 'available', 'error', 'preliminary', 'input-error'),
      executed: fc.option(fc.boolean(), { nil: undefined }),
      meta: metadata,
      toolMetadata: fc.option(fc.constant({ t: 1 }), { nil: undefined }),
      title: fc.option(fc.constant('Title'), { nil: undefined }),
    })
    .chain((facts) => deltas(JSON.stringify(facts.input)).map((pieces) => ({ ...facts, pieces })))
    .map(({ input, dynamic, isStreamed, cut, approval, result, executed, meta, toolMetadata, title, pieces }) => {
      const call = {
        toolCallId,
        toolName: 'weather',
        ...(dynamic && { dynamic }),
        ...(title !== undefined && { title }),
        ...(toolMetadata && { toolMetadata }),
        ...(meta && { providerMetadata: meta }),
        ...(executed !== undefined && { providerExecuted: executed }),
      };
      const chunks: UIMessageChunk[] = [];
      if (isStreamed) {
        chunks.push({ type: 'tool-input-start', ...call });
        for (const inputTextDelta of pieces) chunks.push({ type: 'tool-input-delta', toolCallId, inputTextDelta });
        if (cut !== undefined && cut < chunks.length) return chunks.slice(0, cut + 1);
      }
      if (result === 'input-error') {
        chunks.push({ type: 'tool-input-error', ...call, input, errorText: 'bad' });
        return chunks;
      }
      chunks.push({ type: 'tool-input-available', ...call, input });
      const approvalId = `approve-${toolCallId}`;
      if (approval !== 'none') chunks.push({ type: 'tool-approval-request', approvalId, toolCallId, reason: 'why' });
      if (approval === 'approved' || approval === 'denied')
        chunks.push({ type: 'tool-approval-response', approvalId, approved: approval === 'approved' });
      if (approval === 'denied') chunks.push({ type: 'tool-output-denied', toolCallId });
      else if (result === 'error') chunks.push({ type: 'tool-output-error', toolCallId, errorText: 'no' });
      else if (result !== 'none') {
        if (result === 'preliminary') {
          chunks.push({
            type: 'tool-output-available',
            toolCallId,
            output: 1,
            preliminary: true,
            ...(meta && { providerMetadata: meta }),
          });
          chunks.push({
            type: 'tool-output-available',
            toolCallId,
            output: 2,
            preliminary: true,
            ...(toolMetadata && { toolMetadata: { t: 2 } }),
          });
        }
        chunks.push({ type: 'tool-output-available', toolCallId, output: { degrees: 3 } });
      }
      return chunks;
    });

const single: fc.Arbitrary<UIMessageChunk[]> = fc.oneof(
  fc.constant<UIMessageChunk[]>([{ type: 'finish-step' }, { type: 'start-step' }]),
  fc.constant<UIMessageChunk[]>([{ type: 'reset-step' }]),
  fc.constant<UIMessageChunk[]>([{ type: 'source-url', sourceId: 's', url: 'https://a.test', title: 'A' }]),
  fc.constant<UIMessageChunk[]>([
    { type: 'source-document', sourceId: 's', mediaType: 'text/plain', title: 'A', filename: 'a' },
  ]),
  fc.constant<UIMessageChunk[]>([{ type: 'file', url: 'data:,a', mediaType: 'text/plain' }]),
  fc.constant<UIMessageChunk[]>([{ type: 'reasoning-file', url: 'data:,a', mediaType: 'text/plain' }]),
  fc.constant<UIMessageChunk[]>([{ type: 'custom', kind: 'a.b' }]),
  fc.constant<UIMessageChunk[]>([{ type: 'steering-message', id: 'm', parts: [{ type: 'text', text: 'go' }] }]),
  fc.constant<UIMessageChunk[]>([{ type: 'error', errorText: 'oh' }]),
  fc.constant<UIMessageChunk[]>([{ type: 'abort' }]),
  fc
    .array(
      fc.record({
        n: fc.nat(9),
        id: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
        transient: fc.boolean(),
      }),
      { maxLength: 5 },
    )
    .map((all) =>
      all.map(({ n, id, transient }): UIMessageChunk => ({
        type: 'data-progress',
        data: { n },
        ...(id !== undefined && { id }),
        ...(transient && { transient }),
      })),
    ),
  fc
    .nat(5)
    .map((n): UIMessageChunk[] => [{ type: 'message-metadata', messageMetadata: { [`k${n % 2}`]: { [n]: n } } }]),
);

/** Several blocks, woven into each other. */
const answer: fc.Arbitrary<UIMessageChunk[]> = fc
  .array(fc.constantFrom('text', 'tool', 'single'), { maxLength: 8 })
  .chain((kinds) =>
    fc.tuple(
      fc.tuple(...kinds.map((kind, i) => (kind === 'text' ? text(`t${i}`) : kind === 'tool' ? tool(`c${i}`) : single))),
      fc.infiniteStream(fc.nat(100)),
      fc.boolean(),
    ),
  )
  .map(([blocks, chances, isWoven]) => {
    const chunks: UIMessageChunk[] = [
      { type: 'start', messageId: 'm', messageMetadata: { model: 'x' } },
      { type: 'start-step' },
    ];
    const rest = blocks.map((block) => [...block]).filter(({ length }) => length > 0);
    while (rest.length > 0) {
      const [chance = 0] = chances.take(1);
      const index = isWoven ? chance % rest.length : 0;
      const next = rest[index]?.shift();
      if (next !== undefined) chunks.push(next);
      if (rest[index]?.length === 0) rest.splice(index, 1);
    }
    return [...chunks, { type: 'finish-step' }, { type: 'finish', messageMetadata: { done: true } }];
  });

describe('the codec of UI messages', () => {
  test('folded chunks give the message of the unfolded ones, and so does the end', async () => {
    await fc.assert(
      fc.asyncProperty(answer, async (chunks) => {
        const whole = await read(chunks);
        fc.pre(whole !== undefined);
        expect(asJson(await read(folded(chunks)))).toEqual(asJson(whole));
        expect(asJson(uiMessageCodec.end(folded(chunks)))).toEqual(asJson(whole));
        expect(asJson(uiMessageCodec.end(chunks))).toEqual(asJson(whole));
      }),
      trials(400),
    );
  });

  test('the chunks of a message make it again, as the AI SDK reads them', async () => {
    await fc.assert(
      fc.asyncProperty(answer, async (chunks) => {
        const message = await read(chunks);
        fc.pre(message !== undefined);
        const parts = chunksOf(message ?? { id: '', role: 'assistant', parts: [] });
        // it makes an input without its text where the step of a dynamic tool has ended
        fc.pre(
          message?.parts.every(
            (part) =>
              !('input' in part) ||
              !('state' in part) ||
              part.state !== 'input-streaming' ||
              part.input === undefined ||
              'rawInput' in part,
          ) === true,
        );
        // the AI SDK tells of a step's start with the next chunk
        const last = { type: 'message-metadata', messageMetadata: {} };
        const again: UIMessageChunk[] = JSON.parse(JSON.stringify([{ type: 'start', messageId: 'm' }, ...parts, last]));
        expect(asJson(await read(again))).toEqual(asJson(message));
      }),
      trials(200),
    );
  });

  test('ten thousand deltas are one chunk, and count little more than their text', () => {
    const chunks: UIMessageChunk[] = [{ type: 'text-start', id: 't' }];
    for (let i = 0; i < 10_000; i++) chunks.push({ type: 'text-delta', id: 't', delta: 'word ' });
    expect(folded(chunks)).toHaveLength(2);
  });
});

test('a long input of a tool is read once, not with each of its deltas', () => {
  const call = { toolCallId: 't', toolName: 'write' };
  const text = JSON.stringify({ text: 'x'.repeat(30_000) }).slice(0, -1);
  const deltas = Array.from({ length: 300 }, (_, i) => text.slice(i * 100, (i + 1) * 100 + (i === 299 ? 100 : 0)));
  const parse = vi.spyOn(JSON, 'parse');
  onTestFinished(() => void parse.mockRestore());
  const message = uiMessageCodec.end([
    { type: 'start' },
    { type: 'tool-input-start', ...call },
    ...deltas.map((inputTextDelta) => ({ type: 'tool-input-delta', toolCallId: 't', inputTextDelta })),
  ]);
  expect(parse.mock.calls.length).toBeLessThan(5);
  expect(message).toMatchObject({ parts: [{ state: 'input-streaming', input: { text: 'x'.repeat(30_000) } }] });
});
