import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { freePort } from './free-port.ts';
import { toolPath } from './tool.ts';

/** A real Redis on loopback, with a directory of its own. */
export class RedisServer {
  readonly port: number;
  readonly dir: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, dir: string, args: readonly string[]) {
    this.port = port;
    this.dir = dir;
    this.#args = args;
  }

  /** @param args further options of `redis-server` */
  static async start(args: readonly string[] = []): Promise<RedisServer> {
    for (let triesLeft = 3; ; triesLeft--) {
      const server = new RedisServer(await freePort(), await mkdtemp(join(tmpdir(), 'threadcast-redis-')), args);
      try {
        await server.start();
        return server;
      } catch (error) {
        // another test was given the same port in the same moment
        await server.stop();
        if (triesLeft === 1) throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const options = [
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--dir',
      this.dir,
      '--save',
      '',
      ...this.#args,
    ];
    const server = spawn(toolPath('redis-server'), options, { stdio: 'ignore' });
    this.#process = server;
    const hasEnded = new AbortController();
    server.once('exit', () => hasEnded.abort(new Error(`the Redis of port ${this.port} ended before it answered`)));
    const info = String(await this.run(['INFO', 'server'], hasEnded.signal));
    // another one may have the port, which answers as well
    if (!info.includes(`process_id:${server.pid}\r\n`)) throw new Error(`port ${this.port} is not this server's`);
  }

  /**
   * Runs one command on a connection of its own; waits until the server takes it.
   * @param signal gives up, with its reason
   */
  async run(args: string[], signal?: AbortSignal): Promise<unknown> {
    const client = createClient({ url: this.url, socket: { reconnectStrategy: 20 } });
    client.on('error', () => {});
    const aborted = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
    try {
      await Promise.race([client.connect(), aborted]);
      for (;;) {
        try {
          return await client.sendCommand(args);
        } catch (error) {
          if (!(error instanceof Error) || !error.message.startsWith('LOADING')) throw error;
        }
      }
    } finally {
      client.destroy();
    }
  }

  /** Ends it as a crash does: what is not on disk is gone. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const exit = once(process, 'exit');
    process.kill('SIGKILL');
    await exit;
  }

  /** Frozen: its sockets stay open, nothing is answered. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }
}

const CLUSTER = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no'];

/** Three masters that share the slots, on loopback. */
export async function startRedisCluster(): Promise<RedisServer[]> {
  const options = [...CLUSTER, '--repl-diskless-sync-delay', '0'];
  const servers = await Promise.all(Array.from({ length: 3 }, () => RedisServer.start(options)));
  const share = Math.ceil(16_384 / servers.length);
  for (const [i, server] of servers.entries()) {
    const last = Math.min(16_383, (i + 1) * share - 1);
    await server.run(['CLUSTER', 'ADDSLOTSRANGE', String(i * share), String(last)]);
    await server.run(['CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1)]);
  }
  const [first, ...others] = servers;
  for (const { port } of others) await first?.run(['CLUSTER', 'MEET', '127.0.0.1', String(port)]);
  for (const server of servers) {
    for (;;) {
      const info = String(await server.run(['CLUSTER', 'INFO']));
      if (
        ['cluster_state:ok', 'cluster_known_nodes:3', 'cluster_slots_assigned:16384'].every((sign) =>
          info.includes(sign),
        )
      )
        break;
    }
  }
  return servers;
}

/** A replica of one of the masters, that has all that it has, and that all of them know: they vote for it. */
export async function startReplica(master: RedisServer, masters: readonly RedisServer[]): Promise<RedisServer> {
  const replica = await RedisServer.start(CLUSTER);
  await replica.run(['CLUSTER', 'MEET', '127.0.0.1', String(master.port)]);
  const id = String(await master.run(['CLUSTER', 'MYID']));
  while (!String(await replica.run(['CLUSTER', 'NODES'])).includes(id));
  await replica.run(['CLUSTER', 'REPLICATE', id]);
  while (!String(await replica.run(['INFO', 'replication'])).includes('master_link_status:up'));
  const known = new RegExp(`^${String(await replica.run(['CLUSTER', 'MYID']))} .* slave ${id} `, 'm');
  for (const server of masters) while (!known.test(String(await server.run(['CLUSTER', 'NODES']))));
  return replica;
}

const LOOKS = 300;

/** Makes a replica the master; where the others did not vote in time, again. */
export async function failOver(replica: RedisServer, servers: readonly RedisServer[]): Promise<void> {
  const isMaster = async (): Promise<boolean> => String(await replica.run(['ROLE'])).startsWith('master');
  while (!(await isMaster())) {
    await replica.run(['CLUSTER', 'FAILOVER']);
    for (let looks = 0; looks < LOOKS && !(await isMaster()); looks++);
  }
  // a node that is asked for the slots before it has heard of that leads to the former master
  const isKnownTo = async (server: RedisServer): Promise<boolean> =>
    String(await server.run(['CLUSTER', 'NODES']))
      .split('\n')
      .some((line) => line.includes(`:${replica.port}@`) && line.includes('master') && /\d+$/.test(line));
  for (const server of servers) while (!(await isKnownTo(server)));
}

/** Moves the slot of a key to the next master, with what is in it, as an operator does who makes room. */
export async function moveSlot(servers: readonly RedisServer[], key: string): Promise<void> {
  const slot = String(await servers[0]?.run(['CLUSTER', 'KEYSLOT', key]));
  const ids = await Promise.all(servers.map(async (server) => String(await server.run(['CLUSTER', 'MYID']))));
  const counts = await Promise.all(servers.map((server) => server.run(['CLUSTER', 'COUNTKEYSINSLOT', slot])));
  const from = counts.findIndex((count) => Number(count) > 0);
  const to = (from + 1) % servers.length;
  const [source, target, sourceId = '', targetId = ''] = [servers[from], servers[to], ids[from], ids[to]];
  await target?.run(['CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId]);
  await source?.run(['CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId]);
  const keys = await source?.run(['CLUSTER', 'GETKEYSINSLOT', slot, '1000']);
  const moved = Array.isArray(keys) ? keys.map(String) : [];
  await source?.run(['MIGRATE', '127.0.0.1', String(target?.port), '', '0', '5000', 'KEYS', ...moved]);
  for (const server of [target, source, ...servers]) await server?.run(['CLUSTER', 'SETSLOT', slot, 'NODE', targetId]);
}
