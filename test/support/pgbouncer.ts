import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDriver } from '../../src/infra/log/postgres/driver.ts';
import { freePort } from './free-port.ts';
import type { PostgresServer } from './postgres-server.ts';

/** A real PgBouncer before a server, on a port of loopback. */
export class PgBouncer {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #dir: string;

  private constructor(url: string, process: ChildProcess, dir: string) {
    this.url = url;
    this.#process = process;
    this.#dir = dir;
  }

  /** @param connections to the server: fewer than its clients have to share them */
  static async start(server: PostgresServer, mode: 'session' | 'transaction', connections: number): Promise<PgBouncer> {
    const [port, dir] = [await freePort(), await mkdtemp(join(tmpdir(), 'threadcast-pgbouncer-'))];
    const settings = `[databases]
postgres = host=127.0.0.1 port=${server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${connections}
ignore_startup_parameters = statement_timeout
`;
    const file = join(dir, 'pgbouncer.ini');
    await writeFile(file, settings);
    // it refuses to run as root
    const owner = process.getuid?.() === 0 ? ['-u', 'postgres'] : [];
    if (owner.length > 0) await once(spawn('chown', ['-R', 'postgres', dir]), 'exit');
    // Debian has it where only root looks
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
    const child = spawn('pgbouncer', ['-q', ...owner, file], { stdio: 'ignore', cwd: '/', env });
    child.on('error', () => {});
    const bouncer = new PgBouncer(`postgres://postgres@127.0.0.1:${port}/postgres`, child, dir);
    await bouncer.#answers();
    return bouncer;
  }

  async #answers(): Promise<void> {
    const { Client } = await loadDriver();
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error(`PgBouncer ended with ${this.#process.exitCode}`);
      const client = new Client({ connectionString: this.url, connectionTimeoutMillis: 2_000 });
      client.on('error', () => {});
      try {
        await client.connect();
        await client.query('SELECT 1');
        return;
      } catch {
        await new Promise((resolve) => void setTimeout(resolve, 50));
      } finally {
        await client.end().catch(() => {});
      }
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    await rm(this.#dir, { recursive: true, force: true });
  }
}
