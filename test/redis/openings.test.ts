import { createClient } from 'redis';
import { expect, it, onTestFinished } from 'vitest';
import { createHub } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { draft, hold, startLog, startRedis, until } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';

/** How often Redis has run a command. */
async function calls(server: RedisServer, command: string): Promise<number> {
  const stats = String(await server.run(['INFO', 'commandstats']));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`);

it('two hundred threads are opened with four subscribes and four scripts, and each gets its messages', async () => {
  const server = await startRedis();
  const [log, other] = [startLog({ url: server.url }), startLog({ url: server.url })];
  await Promise.all([log.position('x'), other.append(draft('first', { threadId: 't7' }))]);
  const before = await calls(server, 'evalsha');
  const readers = await Promise.all(names(200).map((name) => hold(log, name)));
  expect(await calls(server, 'subscribe')).toBe(4);
  // besides those of the log's ticks
  expect((await calls(server, 'evalsha')) - before).toBeLessThanOrEqual(8);
  expect(readers[7]?.subscription.tail.head).toBe(1);
  await Promise.all(names(200).map(async (name) => other.append(draft(`m-${name}`, { threadId: name }))));
  await until(() => readers.every(({ entries }) => entries.length === 1));
});

it('threads of several retentions are opened together, each as its own retention says', async () => {
  const server = await startRedis();
  const log = startLog({ url: server.url, retention: { 'short:*': { maxEntries: 2 } } });
  for (const id of ['a', 'b', 'c', 'd']) {
    await log.append(draft(id, { threadId: 'short:1' }));
    await log.append(draft(id, { threadId: 'long:1' }));
  }
  const held = await Promise.all([hold(startLog({ url: server.url }), 'x'), hold(log, 'short:1'), hold(log, 'long:1')]);
  expect(held.map(({ subscription }) => subscription.tail.head)).toEqual([0, 4, 4]);
});

it('one thread whose key in Redis is something else does not keep those of its batch from their positions', async () => {
  const server = await startRedis();
  const log = startLog({ url: server.url, timeoutMs: 1_000 });
  await log.position('x');
  await server.run(['SET', 'tc:v2:{t1}:log', 'not ours']);
  const opened = await Promise.allSettled(names(3).map((name) => hold(log, name)));
  expect(opened.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('a thread that is left and joined again while it is being opened is subscribed once, and gets its messages', async () => {
  const server = await startRedis();
  const log = startLog({ url: server.url });
  await log.position('x');
  const both = await Promise.all([hold(log, 't'), hold(log, 't')]);
  both[0]?.subscription.unsubscribe();
  const third = await hold(log, 't');
  await startLog({ url: server.url }).append(draft('a'));
  await until(() => both[1]?.entries.length === 1 && third.entries.length === 1);
  expect(both[0]?.entries).toHaveLength(0);
});

it('a thread that no other process has is asked no questions about token streams', async () => {
  const server = await startRedis();
  const monitor = createClient({ url: server.url });
  await monitor.connect();
  onTestFinished(() => monitor.destroy());
  const notes: string[] = [];
  let hasEchoed = false;
  await monitor.monitor((line) => {
    if (/"PUBLISH" "[^"]*" "N/.test(line)) notes.push(line);
    hasEchoed ||= line.includes('after the first');
  });
  const logs = [startLog({ url: server.url }), startLog({ url: server.url })];
  const [first, second] = logs.map((log) => createHub({ log }));
  await Promise.all(logs.map(async (log) => log.position('x')));
  await first?.accept(new FakeLink().attach, { authorize: () => true }).join('t');
  await server.run(['ECHO', 'after the first']);
  await until(() => hasEchoed);
  expect(notes).toHaveLength(0);
  await second?.accept(new FakeLink().attach, { authorize: () => true }).join('t');
  await until(() => notes.length > 0);
  await Promise.all([first?.close(), second?.close()]);
});
