import { setImmediate as nextTurn } from 'node:timers/promises';
import { validateUIMessages, type UIMessage } from 'ai';
import { expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { validateEach } from '../../src/ai/validate-each.ts';

const dataSchemas = { progress: z.object({ done: z.coerce.number() }) };
const metadataSchema = z.object({ model: z.string() }).optional();
const validate = (messages: unknown[]): Promise<UIMessage[]> =>
  validateUIMessages<UIMessage>({ messages, dataSchemas, metadataSchema });

/** Questions, and answers with tools and data, which the schema makes to numbers. */
const historyOf = (turns: number): UIMessage[] =>
  Array.from({ length: turns }, (_, turn): UIMessage[] => [
    { id: `u${turn}`, role: 'user', parts: [{ type: 'text', text: 'How far?' }] },
    {
      id: `a${turn}`,
      role: 'assistant',
      metadata: { model: 'recorded' },
      parts: [
        { type: 'step-start' },
        { type: 'reasoning', text: 'so far', state: 'done' },
        {
          type: 'tool-look',
          toolCallId: `c${turn}`,
          state: 'output-available',
          input: { at: 'it' },
          output: { far: [1, { two: null }] },
        },
        { type: 'data-progress', data: { done: String(turn) } },
        { type: 'text', text: `**${turn}**`, state: 'done' },
      ],
    },
  ]).flat();

test('message by message, the SDK validates as it does in one go', async () => {
  const valid = await validateEach(validate)(historyOf(20));
  expect(valid).toEqual(await validate(historyOf(20)));
  expect(valid[1]?.parts[3]).toEqual({ type: 'data-progress', data: { done: 0 } });
});

test('one message that is not valid refuses all, and so does an empty list', async () => {
  const messages = historyOf(20);
  const checked: unknown[] = [];
  const each = validateEach((some) => {
    checked.push(...some);
    return validate(some);
  });
  messages[7] = { id: 'u7', role: 'user', parts: [] };
  await expect(each(messages)).rejects.toThrow('at least one part');
  expect(checked).toEqual(messages.slice(0, 8));
  await expect(each([])).rejects.toThrow('must not be empty');
});

test('turns of the event loop come between', async () => {
  // a millisecond passes with each look at the clock: after two, there is a turn
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now++);
  onTestFinished(() => void vi.restoreAllMocks());
  let inThisTurn = 0;
  let isOver = false;
  const counts: number[] = [];
  const each = validateEach((some) => {
    inThisTurn++;
    return [...some];
  });
  const validated = each(historyOf(500)).then(() => (isOver = true));
  while (!isOver) {
    await nextTurn();
    counts.push(inThisTurn);
    inThisTurn = 0;
  }
  await validated;
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1_000);
  expect(Math.max(...counts)).toBeLessThanOrEqual(8);
});
