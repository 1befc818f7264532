import { expect, test } from 'vitest';
import { agUiCodec, type AgUiEvent } from '../../src/ai/tanstack/index.ts';
import { endOf } from '../../src/ai/tanstack/ag-ui-codec.ts';

const delta = (type: string, id: object, text: string, more: object = {}): AgUiEvent & { readonly delta: string } => ({
  type,
  ...id,
  delta: text,
  ...more,
});

test.each([
  ['TEXT_MESSAGE_CONTENT', 'messageId'],
  ['REASONING_MESSAGE_CONTENT', 'messageId'],
  ['TOOL_CALL_ARGS', 'toolCallId'],
])('neighbours of %s fold where they are of one %s', (type, field) => {
  const [a, b] = [delta(type, { [field]: 'm' }, 'one '), delta(type, { [field]: 'm' }, 'two')];
  expect(agUiCodec.fold(a, b)).toEqual(delta(type, { [field]: 'm' }, 'one two'));
  expect(agUiCodec.fold(a, delta(type, { [field]: 'n' }, 'two'))).toBeUndefined();
  expect(agUiCodec.fold(a, { type: 'RUN_FINISHED' })).toBeUndefined();
  expect(agUiCodec.fold({ type: 'RUN_FINISHED' }, { type: 'RUN_FINISHED' })).toBeUndefined();
});

test('metadata of both deltas is kept, the newest value of each', () => {
  const m = { messageId: 'm' };
  const a = delta('TEXT_MESSAGE_CONTENT', m, 'a', { metadata: { x: 1, tanstack: { model: 'w', content: 'a' } } });
  const b = delta('TEXT_MESSAGE_CONTENT', m, 'b', { metadata: { y: 2, tanstack: { content: 'ab' } } });
  expect(agUiCodec.fold(a, b)).toMatchObject({
    delta: 'ab',
    metadata: { x: 1, y: 2, tanstack: { model: 'w', content: 'ab' } },
  });
});

test('a run that does not say that it has ended gets an end', () => {
  const started: AgUiEvent = { type: 'RUN_STARTED', ...{ runId: 'p', threadId: 't' } };
  const finished: AgUiEvent = { type: 'RUN_FINISHED', ...{ runId: 'p' } };
  expect(endOf([started, finished], 'r', undefined)).toBeUndefined();
  expect(endOf([started], 'r', 'cancelled')).toMatchObject({ type: 'RUN_FINISHED', runId: 'p', threadId: 't' });
  expect(endOf([], 'r', undefined)).toMatchObject({ type: 'RUN_FINISHED', runId: 'r' });
  expect(endOf([started, finished, started], 'r', 'lost')).toMatchObject({ type: 'RUN_ERROR', runId: 'p' });
});

test('a result comes late, and an end waits for it, unless it asks for something', () => {
  const interrupt = { type: 'interrupt', interrupts: [] };
  const orders = [
    { type: 'TOOL_CALL_RESULT' },
    { type: 'RUN_FINISHED' },
    { type: 'RUN_FINISHED', outcome: { type: 'success' } },
    { type: 'RUN_FINISHED', outcome: interrupt },
    { type: 'RUN_ERROR' },
    { type: 'TEXT_MESSAGE_CONTENT' },
  ].map((each) => agUiCodec.order?.(each));
  expect(orders).toEqual(['late', 'last', 'last', undefined, 'last', undefined]);
});
