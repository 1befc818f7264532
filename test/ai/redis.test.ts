import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { WebSocketChatTransport, type UIMessage } from 'ai';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startLog, startRedis } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { collect, messageOf, resume, send, startChat, Tap, type ChatHarness } from './chat-server.ts';

let redis: RedisServer;
beforeEach(async () => {
  redis = await startRedis();
});

const until = (condition: () => boolean): Promise<void> => expect.poll(condition).toBe(true);

const startNode = (run: Parameters<typeof startChat>[0]['run'] = () => new Tap()): Promise<ChatHarness> =>
  startChat({ run }, { log: startLog({ url: redis.url }) });

/** Another process, with a model that goes on and on. */
async function startOther(): Promise<{ process: ChildProcess; transport: WebSocketChatTransport<UIMessage> }> {
  const script = fileURLToPath(new URL('./fixtures/node.ts', import.meta.url));
  const other = spawn(process.execPath, [script, redis.url], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void other.kill('SIGKILL'));
  const [port] = await once(other.stdout, 'data');
  const transport = new WebSocketChatTransport<UIMessage>({ url: `ws://127.0.0.1:${String(port).trim()}/api/chat` });
  onTestFinished(() => transport.close());
  return { process: other, transport };
}

describe('two nodes with one Redis', () => {
  test('an answer of one is followed, refused a second time, and cancelled on the other; both have the message', async () => {
    const tap = new Tap();
    const [here, there] = [await startNode(() => tap), await startNode()];
    const sender = collect(await send(here.transport()));
    tap.push({ type: 'start', messageId: 'a1' }, { type: 'text-start', id: 't' });
    tap.text('one ', 'two ');
    await until(() => sender.text === 'one two ');
    const viewer = collect(await resume(there.transport()));
    await until(() => viewer.text === 'one two ');
    tap.text('three');
    await until(() => viewer.text === 'one two three');
    await expect(collect(await send(there.transport())).over).rejects.toThrow('already active');
    tap.push({ type: 'text-end', id: 't' }, { type: 'finish' });
    tap.end();
    const [a, b] = await Promise.all([sender.over, viewer.over]);
    expect(await messageOf(b)).toEqual(await messageOf(a));
    const { messages } = await there.hub.thread('chat:c').history();
    expect(messages.map(({ data }) => data)).toEqual([await messageOf(a)]);
    expect(await resume(there.transport(), 'other')).toBeNull();
    expect([...here.errors, ...there.errors]).toEqual([]);
  });

  test('of two requests for a chat that reach both nodes at the same moment, one begins an answer', async () => {
    const taps: Tap[] = [];
    const run = (): Tap => {
      const tap = new Tap();
      taps.push(tap);
      return tap;
    };
    const nodes = [await startNode(run), await startNode(run)];
    const transports = nodes.map((node) => node.transport());
    for (let round = 0; round < 20; round++) {
      // half of the rounds in a chat that is new to both, half in one that both know
      const chatId = round % 2 === 0 ? `c${round}` : 'c';
      const answers = await Promise.all(transports.map(async (each) => collect(await send(each, chatId))));
      await until(() => taps.length === round + 1);
      const refused = await Promise.race(answers.map(({ over }, i) => over.catch((error: unknown) => [i, error])));
      expect(String(refused)).toContain('already active');
      const tap = taps[round];
      tap?.push({ type: 'start', messageId: `a${round}` }, { type: 'text-start', id: 't' });
      tap?.text('done');
      tap?.end();
      const ended = await Promise.allSettled(answers.map(({ over }) => over));
      expect(ended.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(answers.map(({ text }) => text).join('')).toBe('done');
    }
    expect(nodes.map(({ chat }) => chat.runs)).toEqual([0, 0]);
    expect(taps).toHaveLength(20);
    expect(nodes.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test('a request that waits for the answer of the other node begins after its end', async () => {
    const taps: Tap[] = [];
    const run = (): Tap => {
      const tap = new Tap();
      taps.push(tap);
      return tap;
    };
    const start = (): Promise<ChatHarness> =>
      startChat({ run, whenBusy: 'queue' }, { log: startLog({ url: redis.url }) });
    const nodes = [await start(), await start()];
    for (let round = 0; round < 10; round += 2) {
      const answers = await Promise.all(nodes.map(async (node) => collect(await send(node.transport()))));
      for (const n of [0, 1]) {
        await until(() => taps.length === round + n + 1);
        await new Promise((resolve) => setTimeout(resolve, 30));
        expect(taps).toHaveLength(round + n + 1);
        taps.at(-1)?.end();
      }
      await Promise.all(answers.map(({ over }) => over));
    }
    expect(nodes.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test('the viewers of a node that was killed get an error within 15 s', async () => {
    const here = await startNode();
    const { process: other, transport } = await startOther();
    const sender = collect(await send(transport));
    await until(() => sender.text.includes('3 '));
    const viewers = await Promise.all([1, 2].map(async () => collect(await resume(here.transport()))));
    await until(() => viewers.every(({ text }) => text.includes('30 ')));
    other.kill('SIGKILL');
    const killedAt = performance.now();
    await expect(sender.over).rejects.toThrow('network connection');
    const again = collect(await resume(here.transport()));
    for (const viewer of [...viewers, again]) {
      const chunks = await viewer.over;
      expect(chunks.at(-1)).toMatchObject({ type: 'error' });
      expect(viewer.text).toContain('30 ');
    }
    expect(performance.now() - killedAt).toBeLessThan(15_000);
    const { messages } = await here.hub.thread('chat:c').history();
    expect(messages[0]?.data).toMatchObject({ id: 'a1', aborted: 'lost' });
    // a new turn begins as after any other end
    const next = collect(await send(here.transport()));
    await until(() => here.chat.runs === 1);
    here.chat.cancel('c');
    await next.over;
  });
});
