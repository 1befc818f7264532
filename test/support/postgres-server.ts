import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresSchema } from '../../src/postgres/index.ts';
import { loadDriver, type PgClient } from '../../src/infra/log/postgres/driver.ts';
import { freePort } from './free-port.ts';

/** Where Debian has the programs, newest last. */
const BIN = ['14', '15', '16', '17', '18'].map((version) => `/usr/lib/postgresql/${version}/bin`).findLast(existsSync);

/** Quick to start and to write: what a killed server had written is in the system's memory. */
const SETTINGS = [
  'fsync=off',
  'max_connections=120',
  'unix_socket_directories=',
  'shared_buffers=32MB',
  'jit=off',
  'autovacuum=off',
];

/** PostgreSQL refuses to run as root. */
function asPostgres(program: string, args: readonly string[]): readonly [string, readonly string[]] {
  const path = BIN === undefined || program === 'cp' ? program : join(BIN, program);
  return process.getuid?.() === 0 ? ['runuser', ['-u', 'postgres', '--', path, ...args]] : [path, args];
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(...asPostgres(program, args), { stdio: 'ignore', cwd: '/' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

let schemas = 0;

/** A real PostgreSQL on a port of loopback, in a folder of its own. */
export class PostgresServer {
  readonly port: number;
  readonly #dir: string;
  readonly #settings: readonly string[];
  #process: ChildProcess | undefined;
  #client: PgClient | undefined;
  /** The server itself: `runuser` is its parent. */
  #pid = 0;

  private constructor(port: number, dir: string, settings: readonly string[]) {
    this.port = port;
    this.#dir = dir;
    this.#settings = settings;
  }

  /** @param settings others than those of a test: `fsync=on` */
  static async start(settings: readonly string[] = []): Promise<PostgresServer> {
    const server = await PostgresServer.#prepare(settings);
    const dir = server.#data;
    await run('initdb', ['-D', dir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']);
    await server.start();
    return server;
  }

  /**
   * A streaming replica that has all that its primary has.
   * @param port where it reaches the primary, such as that of a proxy
   */
  static async replicaOf(primary: PostgresServer, port: number): Promise<PostgresServer> {
    const replica = await PostgresServer.#prepare([]);
    const source = `host=127.0.0.1 port=${port} user=postgres application_name=replica`;
    await run('pg_basebackup', ['-D', replica.#data, '-d', source, '-R', '-X', 'stream', '-c', 'fast', '--no-sync']);
    await replica.start();
    await primary.whenReplicated();
    return replica;
  }

  /** A port, and an empty folder that the server may write to. */
  static async #prepare(settings: readonly string[]): Promise<PostgresServer> {
    const parent = await mkdtemp(join(tmpdir(), 'threadcast-postgres-'));
    if (process.getuid?.() === 0) {
      const child = spawn('chown', ['postgres', parent]);
      await once(child, 'exit');
    }
    return new PostgresServer(await freePort(), parent, settings);
  }

  get #data(): string {
    return join(this.#dir, 'data');
  }

  get url(): string {
    return this.urlAt(this.port);
  }

  /** The same database at another port, such as that of a proxy. */
  urlAt(port: number): string {
    return `postgres://postgres@127.0.0.1:${port}/postgres`;
  }

  async start(): Promise<void> {
    const settings = [...SETTINGS, ...this.#settings].flatMap((setting) => ['-c', setting]);
    const args = ['-D', this.#data, '-h', '127.0.0.1', '-p', String(this.port), ...settings];
    const begin = (): ChildProcess => spawn(...asPostgres('postgres', args), { stdio: 'ignore', cwd: '/' });
    this.#process = begin();
    for (let triesLeft = 50; ;) {
      // processes of a server that was killed may still have its memory
      if (this.#process.exitCode !== null && triesLeft-- > 0) this.#process = begin();
      if (triesLeft === 0) throw new Error('PostgreSQL ended before it answered');
      try {
        const [row] = await this.query('SELECT pg_read_file($1) AS pid', ['postmaster.pid']);
        this.#pid = Number.parseInt(String(row?.pid), 10);
        return;
      } catch {
        await new Promise((resolve) => void setTimeout(resolve, 50));
      }
    }
  }

  async connect(): Promise<PgClient> {
    const { Client } = await loadDriver();
    const client = new Client({ connectionString: this.url, connectionTimeoutMillis: 2_000, query_timeout: 20_000 });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** Runs one statement on a connection of its own. */
  async query(text: string, values: readonly unknown[] = []) {
    const client = await this.connect();
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Until a replica has what this server has now. */
  async whenReplicated(): Promise<void> {
    const [row] = await this.query('SELECT pg_current_wal_lsn() AS lsn');
    const [text, values] = ['SELECT 1 FROM pg_stat_replication WHERE replay_lsn >= $1::pg_lsn', [row?.lsn]];
    while ((await this.query(text, values)).length === 0) await new Promise((resolve) => void setTimeout(resolve, 20));
  }

  /** Makes a replica a primary; resolves when it takes writes. */
  async promote(): Promise<void> {
    await this.query('SELECT pg_promote(true, 60)');
  }

  /** What a backup of the disk holds at this moment. */
  async backup(): Promise<void> {
    this.freeze();
    await this.#copy(this.#data, join(this.#dir, 'backup'));
    this.thaw();
  }

  /** Ends it as a crash does, and starts it with the files of the backup. */
  async restore(): Promise<void> {
    await this.kill();
    await this.#copy(join(this.#dir, 'backup'), this.#data);
    await this.start();
  }

  async #copy(from: string, to: string): Promise<void> {
    await rm(to, { recursive: true, force: true });
    await run('cp', ['-a', from, to]);
  }

  /** A schema with the tables. */
  async schema(): Promise<string> {
    const schema = `log${++schemas}`;
    await this.query(postgresSchema(schema));
    return schema;
  }

  /** The tables of the schema are empty, as those of a new one: that takes a tenth of the time. */
  async wipe(schema: string): Promise<void> {
    this.#client ??= await this.connect();
    const { rows } = await this.#client.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema]);
    const tables = rows.map(({ tablename }) => String(tablename)).filter((table) => table !== 'layout');
    const deletions = tables.map((table) => `DELETE FROM ${schema}.${table};`).join('');
    await this.#client.query(`${deletions} UPDATE ${schema}.layout SET life = gen_random_uuid()::text`);
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    this.#client = undefined;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const exit = once(process, 'exit');
    signal(this.#pid, 'SIGKILL');
    await exit;
    // its other processes notice soon
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }

  /** Frozen: its sockets stay open, nothing is answered. */
  freeze(): void {
    for (const pid of this.#family()) signal(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.#family()) signal(pid, 'SIGCONT');
    // runuser stops with its child
    this.#process?.kill('SIGCONT');
  }

  /** The server and its processes, one for each connection. */
  #family(): number[] {
    const children = readFileSync(`/proc/${this.#pid}/task/${this.#pid}/children`, 'utf8');
    return [this.#pid, ...children.split(' ').filter(Boolean).map(Number)];
  }

  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process !== undefined && process.exitCode === null) {
      const exit = once(process, 'exit');
      signal(this.#pid, 'SIGQUIT');
      await exit;
    }
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has already ended
  }
}
