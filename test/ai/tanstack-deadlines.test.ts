import { EventType, StreamProcessor, type StreamChunk, type UIMessage } from '@tanstack/ai';
import { expect, onTestFinished, test } from 'vitest';
import { agUiCodec, serveRuns, type RunTurn, type ServeRunsOptions } from '../../src/ai/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import type { HubOptions } from '../../src/index.ts';
import { framesOf, makeHarness } from '../support/harness.ts';

// serveRuns on virtual time: a source that never comes, falls silent, or does not stop

const never = <T>(): Promise<T> => new Promise<T>(() => {});

type Run = (turn: RunTurn<UIMessage>) => AsyncIterable<StreamChunk> | Promise<AsyncIterable<StreamChunk>>;

async function startRuns(
  run: Run,
  options: Partial<ServeRunsOptions<StreamChunk, UIMessage>> = {},
  { streams, ...hubOptions }: HubOptions = {},
) {
  const harness = makeHarness({ ...hubOptions, streams: { codecs: [agUiCodec], ...streams } });
  const failures: unknown[] = [];
  const turns: RunTurn<UIMessage>[] = [];
  const runs = serveRuns<StreamChunk, UIMessage>(harness.hub, {
    processor: () => new StreamProcessor(),
    authorize: () => true,
    run(turn) {
      turns.push(turn);
      return run(turn);
    },
    onError(error) {
      failures.push(error);
      return 'The run failed.';
    },
    ...options,
  });
  const link = new FakeLink();
  harness.hub.accept(link.attach, {
    authorize: () => true,
    onPublish: (message) => runs.onPublish({ userId: 'u' }, message) ?? false,
  });
  link.say({ t: 'join', th: 'chat:c', codecs: ['ag-ui'], late: true });
  await harness.clock.settle();
  onTestFinished(async () => {
    const closed = harness.hub.close();
    await harness.clock.advance(10_000);
    await closed;
  });
  return {
    ...harness,
    runs,
    failures,
    turns,
    async ask(id: string): Promise<void> {
      const message = { id: `u-${id}`, role: 'user', parts: [{ type: 'text', content: 'hello' }] };
      link.say({ t: 'pub', th: 'chat:c', id, d: { type: 'run', runId: `run-${id}`, message } });
      await harness.clock.settle();
    },
    types: (): string[] =>
      framesOf(link, 'chunks')
        .flatMap(({ d }): unknown[] => (Array.isArray(d) ? d : []))
        .map((chunk) => String(Reflect.get(Object(chunk), 'type'))),
  };
}

async function* said(turn: RunTurn<UIMessage>, next: () => Promise<string | undefined>): AsyncGenerator<StreamChunk> {
  const { runId, threadId } = turn;
  yield { type: EventType.RUN_STARTED, runId, threadId };
  yield { type: EventType.TEXT_MESSAGE_START, messageId: `m-${runId}`, role: 'assistant' };
  for (let delta = await next(); delta !== undefined; delta = await next())
    yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId: `m-${runId}`, delta };
  yield { type: EventType.RUN_FINISHED, runId, threadId };
}

const TIMEOUT = { code: 'TC_ANSWER_TIMEOUT', callback: 'run' };

test('a run that never returns its source fails after its time, and the chat is free for the next one', async () => {
  let isSilent = true;
  const { ask, clock, runs, failures, turns, types } = await startRuns(
    (turn) => (isSilent ? never<AsyncIterable<StreamChunk>>() : said(turn, async () => undefined)),
    { startTimeoutMs: 5_000 },
  );
  await ask('1');
  await clock.advance(4_000);
  expect(runs.runs).toBe(1);
  await clock.advance(3_500);
  expect(failures).toMatchObject([{ ...TIMEOUT, timeoutMs: 5_000 }]);
  expect(runs.runs).toBe(0);
  expect(turns[0]?.abortController.signal.aborted).toBe(true);
  expect(types()).toEqual(['RUN_ERROR']);
  isSilent = false;
  await ask('2');
  await clock.advance(1_000);
  expect(types().at(-1)).toBe('RUN_FINISHED');
});

test('a source that falls silent fails after its time; a slow one does not', async () => {
  const words: PromiseWithResolvers<string>[] = [];
  const { ask, clock, runs, failures, turns, types } = await startRuns(
    (turn) =>
      said(turn, () => {
        const word = Promise.withResolvers<string>();
        words.push(word);
        return word.promise;
      }),
    { chunkTimeoutMs: 10_000 },
  );
  await ask('1');
  for (let n = 0; n < 5; n++) {
    await clock.advance(8_000);
    words.at(-1)?.resolve('word ');
  }
  await clock.settle();
  expect(runs.runs).toBe(1);
  await clock.advance(13_000);
  expect(failures).toMatchObject([TIMEOUT]);
  expect(turns[0]?.abortController.signal.aborted).toBe(true);
  expect(types().at(-1)).toBe('RUN_ERROR');
  expect(runs.runs).toBe(0);
});

test('a source that never ends, and never waits, holds neither the event loop nor the process', async () => {
  const { ask, clock, runs, errors, turns, types } = await startRuns(
    (turn) => said(turn, async () => 'word '.repeat(100)),
    {},
    { streams: { maxBytes: 1_000_000 } },
  );
  await ask('1');
  await clock.advance(2_000);
  await expect.poll(() => runs.runs).toBe(0);
  await clock.advance(1_000);
  // what the hub refuses is an error of the hub, not of the model
  expect(errors).toMatchObject([{ code: 'TC_STREAM_TOO_LONG' }]);
  expect(turns[0]?.abortController.signal.aborted).toBe(true);
  expect(types()).not.toContain('RUN_FINISHED');
});

test.each([
  ['startTimeoutMs', 0],
  ['chunkTimeoutMs', -1],
  ['chunkTimeoutMs', '1'],
])('%s of %s is refused', (option, value) => {
  const { hub } = makeHarness();
  const options = JSON.parse(JSON.stringify({ [option]: value }));
  expect(() =>
    serveRuns<StreamChunk, UIMessage>(hub, {
      processor: () => new StreamProcessor(),
      run: () => never(),
      onError: () => '',
      ...options,
    }),
  ).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION', option }));
});
