import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { WebSocketChatTransport, type UIMessage } from 'ai';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryLog } from '../../src/index.ts';
import { attachRelay } from '../../src/pool/index.ts';
import { postgresSchema } from '../../src/postgres/index.ts';
import { freePort } from '../support/free-port.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { collect, resume, send, startChat, Tap, type ChatHarness } from './chat-server.ts';
import { logAt } from './fixtures/log-at.ts';

// one turn of a chat at a time, over the logs besides Redis: see redis.test.ts

const until = (condition: () => boolean): Promise<void> => expect.poll(condition).toBe(true);

/** Each starts a place that nodes share, and gives its URL. */
const logs: Readonly<Record<string, () => Promise<string>>> = {
  async Postgres() {
    const server = await PostgresServer.start();
    onTestFinished(() => server.stop());
    await server.query(postgresSchema());
    return server.url;
  },
  async 'a relay'() {
    const port = await freePort();
    const server = createServer();
    const relay = attachRelay(server, { log: memoryLog(), authenticate: () => true });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      relay.close();
      server.close();
      server.closeAllConnections();
    });
    return `ws://127.0.0.1:${port}/relay`;
  },
};

function startNode(url: string, run: () => Tap): Promise<ChatHarness> {
  return startChat({ run }, { log: logAt(url) });
}

function tapping(): { readonly taps: Tap[]; readonly run: () => Tap } {
  const taps: Tap[] = [];
  const run = (): Tap => {
    const tap = new Tap();
    taps.push(tap);
    return tap;
  };
  return { taps, run };
}

describe.each(Object.entries(logs))('with %s', (_, startShared) => {
  test('of two requests that reach two nodes at the same moment, one begins an answer, which both have', async () => {
    const url = await startShared();
    const { taps, run } = tapping();
    const nodes = [await startNode(url, run), await startNode(url, run)];
    const transports = nodes.map((node) => node.transport());
    for (let round = 0; round < 10; round++) {
      // half of the rounds in a chat that is new to both, half in one that both know
      const chatId = round % 2 === 0 ? `c${round}` : 'c';
      const answers = await Promise.all(transports.map(async (each) => collect(await send(each, chatId))));
      const refused = await Promise.race(answers.map(({ over }) => over.catch(String)));
      expect(refused).toContain('already active');
      await until(() => taps.length === round + 1);
      const tap = taps[round];
      tap?.push({ type: 'start', messageId: `a${round}` }, { type: 'text-start', id: 't' });
      tap?.text('done');
      tap?.end();
      const ended = await Promise.allSettled(answers.map(({ over }) => over));
      expect(ended.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(answers.map(({ text }) => text).join('')).toBe('done');
    }
    expect(nodes.map(({ chat }) => chat.runs)).toEqual([0, 0]);
    expect(taps).toHaveLength(10);
    expect(nodes.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test('a node that is killed ends its answer with an error, and frees its chat, within 15 s', async () => {
    const url = await startShared();
    const { taps, run } = tapping();
    const here = await startNode(url, run);
    const script = fileURLToPath(new URL('./fixtures/node.ts', import.meta.url));
    const other = spawn(process.execPath, [script, url], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void other.kill('SIGKILL'));
    const [port] = await once(other.stdout, 'data');
    const there = new WebSocketChatTransport<UIMessage>({ url: `ws://127.0.0.1:${String(port).trim()}/api/chat` });
    onTestFinished(() => there.close());
    const sender = collect(await send(there));
    await until(() => sender.text.includes('3 '));
    const viewer = collect(await resume(here.transport()));
    await until(() => viewer.text.includes('10 '));
    await expect(collect(await send(here.transport())).over).rejects.toThrow('already active');
    other.kill('SIGKILL');
    const killedAt = performance.now();
    await expect(sender.over).rejects.toThrow('network connection');
    expect((await viewer.over).at(-1)).toMatchObject({ type: 'error' });
    const next = collect(await send(here.transport()));
    await until(() => taps.length === 1);
    expect(performance.now() - killedAt).toBeLessThan(15_000);
    taps[0]?.end();
    await next.over;
  });
});
