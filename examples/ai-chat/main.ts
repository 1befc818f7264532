import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBalancer } from './balancer.ts';
import { buildPage } from './build.ts';

// npm start: builds the page, and starts a Redis, two nodes and a balancer. A node that is killed is started again.

await buildPage();
const dir = await mkdtemp(join(tmpdir(), 'threadcast-ai-chat-'));
const redisPort = await freePort();
const redis = spawn('redis-server', ['--port', String(redisPort), '--bind', '127.0.0.1', '--dir', dir, '--save', ''], {
  stdio: 'ignore',
});
process.once('exit', () => redis.kill());
redis.once('error', () => {
  console.error('The example needs redis-server: sudo apt-get install redis-server');
  process.exit(1);
});

let isStopping = false;
const nodes = new Map<number, ChildProcess>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());

const ports = [await freePort(), await freePort()];
await Promise.all(ports.map((port) => startNode(port)));
const balancer = await startBalancer(Number(process.env['PORT'] ?? 8080), ports);
console.log(`http://127.0.0.1:${portOf(balancer)}/`);

async function startNode(port: number): Promise<void> {
  const env = { ...process.env, PORT: String(port), REDIS_URL: `redis://127.0.0.1:${redisPort}` };
  const node = fork(new URL('./node.ts', import.meta.url), { env });
  nodes.set(port, node);
  node.once('exit', () => {
    if (!isStopping) setTimeout(() => void startNode(port), 2_000);
  });
  await once(node, 'message');
}

async function stop(): Promise<void> {
  isStopping = true;
  const running = [...nodes.values()].filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  const ended = Promise.all(running.map((node) => once(node, 'exit')));
  for (const node of running) node.kill('SIGTERM');
  await ended;
  redis.kill();
  await rm(dir, { recursive: true, force: true });
  process.exit(0);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const port = portOf(probe);
  probe.close();
  await once(probe, 'close');
  return port;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
