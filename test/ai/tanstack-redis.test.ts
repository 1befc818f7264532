import { setTimeout as wait } from 'node:timers/promises';
import { EventType, type StreamChunk, type UIMessage } from '@tanstack/ai';
import { beforeEach, expect, test } from 'vitest';
import type { RunTurn } from '../../src/ai/index.ts';
import { startLog, startRedis } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { cut } from './cut.ts';
import { shown, startRuns, textOf, type RunHarness } from './tanstack-harness.ts';

// ChatClient of TanStack AI on two nodes with one Redis

let redis: RedisServer;
beforeEach(async () => {
  redis = await startRedis();
});

const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { interval: 5 }).toBe(true);

const begun: string[] = [];

/** More text than one folded chunk takes. */
async function* longRun({ runId, threadId }: RunTurn<UIMessage>): AsyncGenerator<StreamChunk> {
  begun.push(runId);
  const messageId = `m-${runId}`;
  yield { type: EventType.RUN_STARTED, runId, threadId };
  yield { type: EventType.TEXT_MESSAGE_START, messageId, role: 'assistant' };
  for (let n = 0; n < 40; n++) {
    yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId, delta: `${n} `.padEnd(2_000, 'x') };
    await wait(10);
  }
  yield { type: EventType.TEXT_MESSAGE_END, messageId };
  yield { type: EventType.RUN_FINISHED, runId, threadId };
}

const startNode = (): Promise<RunHarness> => startRuns(longRun, () => 'failed', { log: startLog({ url: redis.url }) });

test('a run of one node is seen on the other, by lines that are cut as well; of two at the same moment, one begins', async () => {
  const nodes = [await startNode(), await startNode()];
  const tabs = nodes.map((node) => node.tab());
  const [here, there] = nodes.map((node) => node.tab());
  if (here === undefined || there === undefined) throw new Error('no tab');
  for (let round = 1; round <= 4; round++) {
    const sent = tabs.map((tab) => tab.chat.sendMessage(`question ${round}`));
    await until(() => begun.length >= round);
    for (let n = 0; n < 4; n++) {
      await wait(60);
      for (const node of nodes) cut(node);
    }
    await Promise.all(sent);
    for (const tab of [here, there])
      await until(() => textOf(tab).filter((text) => text.startsWith('assistant: 0 ')).length === round);
    await until(() => nodes.every(({ server }) => server.runs === 0));
    expect(begun).toHaveLength(round);
  }
  await until(() => JSON.stringify(shown(here)) === JSON.stringify(shown(there)));
  const late = nodes[1]?.tab();
  await until(() => late !== undefined && JSON.stringify(shown(late)) === JSON.stringify(shown(here)));
  const answers = textOf(here).filter((text) => text.startsWith('assistant'));
  const words = Array.from({ length: 40 }, (_, n) => `${n} `.padEnd(2_000, 'x')).join('');
  expect(answers.map((text) => text === `assistant: ${words}`)).toEqual([true, true, true, true]);
  expect(nodes.flatMap(({ errors }) => errors)).toEqual([]);
});
