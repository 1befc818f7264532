import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createHub } from '../../src/index.ts';
import { createPool } from '../../src/pool/index.ts';
import { freePort } from '../support/free-port.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';

const SCRIPT = fileURLToPath(new URL('./fixtures/hub-node.ts', import.meta.url));
const THREADS = 20;
const ROUNDS = 24;

it('a pool whose hubs are killed in turn, with kill -9: each message once and in order, over ws and over the WebSocket of Node', async () => {
  const redis = await startRedis();
  const ports = [await freePort(), await freePort()];
  const nodes = new Map<number, ChildProcess>();
  const start = (port: number): void =>
    void nodes.set(port, spawn(process.execPath, [SCRIPT, redis.url, String(port)], { stdio: 'inherit' }));
  const kill = (port: number): void => void nodes.get(port)?.kill('SIGKILL');
  onTestFinished(() => ports.forEach(kill));
  ports.forEach(start);
  const hub = createHub({ log: startLog({ url: redis.url }) });
  onTestFinished(() => hub.close());

  const readers = [WebSocket, globalThis.WebSocket].map((Socket) => {
    const pool = createPool({
      urls: ports.map((port) => `ws://127.0.0.1:${port}/`),
      size: 4,
      WebSocket: Socket,
      retryDelaysMs: [50, 100, 200],
      cooldownMs: 500,
      settleMs: 200,
    });
    // the nodes are not there yet, and are killed later
    pool.on('error', () => {});
    onTestFinished(() => pool.close());
    const seen = new Map<string, unknown[]>();
    const gaps: string[] = [];
    for (let i = 0; i < THREADS; i++) {
      const list: unknown[] = [];
      seen.set(`t${i}`, list);
      const thread = pool.join(`t${i}`, { from: 'start', onGap: ({ why }) => void gaps.push(why) });
      thread.on('message', ({ data }) => list.push(data));
    }
    return { pool, seen, gaps };
  });
  await Promise.all(readers.map(({ pool }) => pool.ready()));

  // one process sends, the pools publish, and the hubs die
  const published: Promise<unknown>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [port = 0] = [ports[Math.floor(round / 10) % 2]];
    if (round % 10 === 3) kill(port);
    if (round % 10 === 8) start(port);
    const sends = Array.from({ length: THREADS }, (_, i) => hub.thread(`t${i}`).send(round));
    for (const [n, { pool }] of readers.entries())
      published.push(pool.publish(`t${round % THREADS}`, `p${n}.${round}`));
    await Promise.all(sends);
    await pause(20);
  }
  await Promise.all(published);

  for (const { pool, seen, gaps } of readers) {
    const expected = Array.from({ length: ROUNDS }, (_, round) => round);
    await until(() => [...seen.values()].every((list) => list.includes(ROUNDS - 1)));
    await until(() => [...seen.values()].flat().length === THREADS * ROUNDS + 2 * ROUNDS);
    for (const list of seen.values()) expect(list.filter((data) => typeof data === 'number')).toEqual(expected);
    expect(new Set([...seen.values()].flat().filter((data) => typeof data === 'string')).size).toBe(2 * ROUNDS);
    expect(gaps).toEqual([]);
    expect(pool.stats.moves).toBeGreaterThan(0);
  }
});
