import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBalancer } from './balancer.ts';
import { prove } from './proof.ts';

// node examples/cluster/main.ts [--once]: a Redis, two nodes, a balancer. With --once it plays a crash and ends.

const isOnce = process.argv.includes('--once');
const dir = await mkdtemp(join(tmpdir(), 'threadcast-cluster-'));
const redisPort = await freePort();
const redis = spawn(
  'redis-server',
  ['--port', String(redisPort), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--save', ''],
  { stdio: 'ignore' },
);
// however this program ends
process.once('exit', () => redis.kill());
redis.once('error', () => {
  console.error('The example needs redis-server: sudo apt-get install redis-server');
  process.exit(1);
});

const nodes: ChildProcess[] = [];
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(isOnce ? 1 : 0));

const ports = [await freePort(), await freePort()];
await Promise.all(ports.map((port) => startNode(port)));
const balancer = await startBalancer(isOnce ? 0 : Number(process.env['PORT'] ?? 8080), ports);
const origin = `127.0.0.1:${portOf(balancer)}`;

if (isOnce) {
  const isProven = await prove(`ws://${origin}/ws`, () => nodes[0]?.kill('SIGKILL'));
  await stop(isProven ? 0 : 1);
} else {
  console.log(
    `http://${origin}/  is served by the nodes ${nodes.map(({ pid }) => pid).join(' and ')}; try: kill -9 one`,
  );
}

async function startNode(port: number): Promise<void> {
  const env = { ...process.env, PORT: String(port), REDIS_URL: `redis://127.0.0.1:${redisPort}` };
  const node = fork(new URL('./node.ts', import.meta.url), { env });
  nodes.push(node);
  await once(node, 'message');
}

async function stop(code: number): Promise<void> {
  const running = nodes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  const ended = Promise.all(running.map((node) => once(node, 'exit')));
  for (const node of running) node.kill('SIGTERM');
  await ended;
  redis.kill();
  await once(redis, 'exit');
  await rm(dir, { recursive: true, force: true });
  process.exit(code);
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
