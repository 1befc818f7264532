import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, rm } from 'node:fs/promises';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { startBalancer } from '../../examples/cluster/balancer.ts';
import { freePort } from '../support/free-port.ts';
import { RedisServer } from '../support/redis-server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** One hub node: a process, and its own line to Redis. */
interface Node {
  readonly port: number;
  readonly line: TcpProxy;
  process: ChildProcess;
}

/** How long a node may take to end by itself: its drain has a limit of its own. */
const END_MS = 20_000;

/** Redis, two nodes and a balancer, as real processes on loopback, and all that can happen to them. */
export class World {
  readonly redis: RedisServer;
  readonly nodes: readonly Node[];
  readonly url: string;
  /** Nodes that ended when nobody wanted it, or did not when somebody did. */
  readonly crashes: string[] = [];
  readonly #balancer: Server;
  readonly #timeoutMs: number;

  private constructor(redis: RedisServer, nodes: readonly Node[], balancer: Server, timeoutMs: number) {
    this.redis = redis;
    this.nodes = nodes;
    this.#balancer = balancer;
    this.#timeoutMs = timeoutMs;
    this.url = `ws://127.0.0.1:${portOf(balancer)}/ws`;
  }

  /** @param timeoutMs how long a send may wait for Redis */
  static async start(timeoutMs: number): Promise<World> {
    const redis = await RedisServer.start(['--appendonly', 'yes', '--appendfsync', 'always']);
    const nodes: Node[] = [];
    for (let i = 0; i < 2; i++) {
      const [line, port] = [await startTcpProxy(redis.port), await freePort()];
      nodes.push({ port, line, process: await startNode(port, line.port, timeoutMs) });
    }
    const balancer = await startBalancer(
      0,
      nodes.map(({ port }) => port),
    );
    return new World(redis, nodes, balancer, timeoutMs);
  }

  /** The address of the HTTP interface of one of the nodes. */
  node(turn: number): string {
    const { port } = this.nodes[turn % this.nodes.length] ?? { port: 0 };
    return `http://127.0.0.1:${port}`;
  }

  async killNode(node: Node): Promise<void> {
    await this.#replace(node, 'SIGKILL');
  }

  /** A deploy: the node drains, sends its clients away, ends, and starts anew. */
  async deployNode(node: Node): Promise<void> {
    await this.#replace(node, 'SIGTERM');
  }

  async #replace(node: Node, signal: NodeJS.Signals): Promise<void> {
    await this.#end(node, signal);
    node.process = await startNode(node.port, node.line.port, this.#timeoutMs);
  }

  /** What a backup of the disk holds; taken while nothing is written. */
  async snapshot(): Promise<void> {
    this.redis.freeze();
    await rm(this.#backup, { recursive: true, force: true });
    await cp(this.#files, this.#backup, { recursive: true });
    this.redis.thaw();
  }

  async restore(): Promise<void> {
    await this.redis.kill();
    await rm(this.#files, { recursive: true });
    await cp(this.#backup, this.#files, { recursive: true });
    await this.redis.start();
  }

  async stop(): Promise<void> {
    this.#balancer.close();
    for (const node of this.nodes) {
      await this.#end(node, 'SIGKILL');
      await node.line.close();
    }
    await this.redis.stop();
  }

  async #end({ port, process }: Node, signal: NodeJS.Signals): Promise<void> {
    if (process.exitCode !== null || process.signalCode !== null) {
      this.crashes.push(`the node on port ${port} had ended by itself: ${process.signalCode ?? process.exitCode}`);
      return;
    }
    const exit = once(process, 'exit');
    process.kill(signal);
    const limit = setTimeout(() => {
      this.crashes.push(`the node on port ${port} did not end within ${END_MS} ms of ${signal}`);
      process.kill('SIGKILL');
    }, END_MS);
    await exit;
    clearTimeout(limit);
  }

  get #files(): string {
    return join(this.redis.dir, 'appendonlydir');
  }

  get #backup(): string {
    return join(this.redis.dir, 'backup');
  }
}

async function startNode(port: number, redisPort: number, timeoutMs: number): Promise<ChildProcess> {
  const env = {
    ...process.env,
    PORT: String(port),
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    TIMEOUT_MS: String(timeoutMs),
  };
  const node = fork(new URL('./node.ts', import.meta.url), { env, execArgv: [] });
  const ready = once(node, 'message');
  const ended = once(node, 'exit').then(([code]) => {
    throw new Error(`a node has ended with ${String(code)} before it was ready`);
  });
  await Promise.race([ready, ended]);
  return node;
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
