import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { startBalancer } from '../../examples/cluster/balancer.ts';
import { freePort } from '../support/free-port.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { Store } from './store.ts';

/** One hub node: a process, and its own line to the store. */
interface Node {
  readonly port: number;
  readonly line: TcpProxy;
  process: ChildProcess;
}

/** How long a node may take to end by itself: its drain has a limit of its own. */
const END_MS = 120_000;

/** A store, nodes and a balancer, as real processes on loopback, and all that can happen to the nodes. */
export class World {
  readonly store: Store;
  readonly nodes: readonly Node[];
  readonly url: string;
  /** Nodes that ended when nobody wanted it, or did not when somebody did. */
  readonly crashes: string[] = [];
  readonly #balancer: Server;
  readonly #timeoutMs: number;

  private constructor(store: Store, nodes: readonly Node[], balancer: Server, timeoutMs: number) {
    this.store = store;
    this.nodes = nodes;
    this.#balancer = balancer;
    this.#timeoutMs = timeoutMs;
    this.url = `ws://127.0.0.1:${portOf(balancer)}/ws`;
  }

  /**
   * @param store is stopped with the world
   * @param timeoutMs how long a send may wait for the store
   */
  static async start(store: Store, count: number, timeoutMs: number): Promise<World> {
    const nodes: Node[] = [];
    for (let i = 0; i < count; i++) {
      const [line, port] = [await startTcpProxy(store.port), await freePort()];
      nodes.push({ port, line, process: await startNode(port, store.env(line.port), timeoutMs) });
    }
    const balancer = await startBalancer(
      0,
      nodes.map(({ port }) => port),
    );
    return new World(store, nodes, balancer, timeoutMs);
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
    node.process = await startNode(node.port, this.store.env(node.line.port), this.#timeoutMs);
  }

  async stop(): Promise<void> {
    this.#balancer.close();
    for (const node of this.nodes) {
      await this.#end(node, 'SIGKILL');
      await node.line.close();
    }
    await this.store.stop();
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
}

async function startNode(
  port: number,
  store: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<ChildProcess> {
  const env = { ...process.env, ...store, PORT: String(port), TIMEOUT_MS: String(timeoutMs) };
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
