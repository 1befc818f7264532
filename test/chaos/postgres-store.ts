import type { DeliveryLog } from '../../src/index.ts';
import { postgresLog } from '../../src/postgres/index.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { pause } from './load.ts';
import type { Logs, Loss, Stage, Store, Trouble } from './store.ts';

/** How far a replica that nothing holds up may be behind. */
const LAG_MS = 1_000;

/** A PostgreSQL, and a replica where one is needed. */
export class PostgresStore implements Store {
  readonly name = 'Postgres';
  readonly hasTransactions = true;
  readonly #schema: string;
  readonly #servers: PostgresServer[];
  /** The lines of replicas to their primaries. */
  readonly #lines: TcpProxy[] = [];
  /** The server that the nodes use. */
  #primary: PostgresServer;

  private constructor(primary: PostgresServer, schema: string) {
    this.#primary = primary;
    this.#servers = [primary];
    this.#schema = schema;
  }

  static async start(): Promise<PostgresStore> {
    const primary = await PostgresServer.start();
    // what an application has of its own
    await primary.query('CREATE TABLE orders (key text PRIMARY KEY, thread text NOT NULL)');
    return new PostgresStore(primary, await primary.schema());
  }

  get port(): number {
    return this.#primary.port;
  }

  readonly troubles: readonly Trouble[] = [
    {
      name: 'Postgres is killed and restarted',
      happen: async ({ troubleMs }) => {
        await this.#primary.kill();
        await pause(troubleMs);
        await this.#primary.start();
      },
    },
    {
      name: 'Postgres is frozen',
      happen: async ({ freezeMs }) => {
        this.#primary.freeze();
        await pause(freezeMs);
        this.#primary.thaw();
      },
    },
    {
      name: 'all connections to Postgres are ended by its administrator, again and again',
      happen: async ({ troubleMs }) => {
        for (let i = 0; i < 4; i++) {
          await this.#primary.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'threadcast'`,
          );
          await pause(troubleMs / 4);
        }
      },
    },
    { name: 'Postgres is restored from an older backup', happen: (stage) => this.#restore(stage) },
    { name: 'Postgres fails over to a synchronous replica', happen: (stage) => this.#failOver(stage) },
    { name: 'Postgres freezes, fails over, and the old primary comes back', happen: (stage) => this.#zombie(stage) },
    { name: 'Postgres fails over to a replica that lags', happen: (stage) => this.#failOverWithLoss(stage) },
  ];

  env(port: number): Readonly<Record<string, string>> {
    return { LOG: 'postgres', LOG_URL: this.#primary.urlAt(port), LOG_SCHEMA: this.#schema };
  }

  openLog(): DeliveryLog {
    return postgresLog({ url: this.#primary.url, schema: this.#schema });
  }

  /** The application's own table says which transactions were committed: their messages, and no others, are in the log. */
  async faults(logs: Logs): Promise<readonly string[]> {
    const faults: string[] = [];
    const rows = await this.#primary.query('SELECT key, thread FROM orders');
    const orders = new Set(rows.map(({ key, thread }) => `${String(thread)} ${String(key)}`));
    const sent = new Set(
      [...logs].flatMap(([threadId, log]) => log.filter(({ id }) => isOrder(id)).map(({ id }) => `${threadId} ${id}`)),
    );
    for (const order of orders) if (!sent.has(order)) faults.push(`${order} was committed, and its message is lost`);
    for (const order of sent) if (!orders.has(order)) faults.push(`${order} was not committed, and has a message`);
    const waiting = await this.#primary.query(`SELECT id FROM ${this.#schema}.outbox`);
    for (const { id } of waiting) faults.push(`${String(id)} still waits in the outbox`);
    return faults;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
    await Promise.all(this.#lines.map((line) => line.close()));
  }

  async #restore({ quiet }: Stage): Promise<Loss> {
    await this.#primary.backup();
    const from = performance.now();
    await quiet();
    await this.#primary.restore();
    return { from, to: performance.now() };
  }

  /** Nothing is acknowledged that the replica does not have: nothing may be lost. */
  async #failOver({ lines, quiet }: Stage): Promise<void> {
    const { replica } = await this.#replicate();
    const old = this.#primary;
    await old.query(`ALTER SYSTEM SET synchronous_standby_names = 'replica'`);
    await old.query('SELECT pg_reload_conf()');
    await quiet();
    await old.kill();
    await this.#switch(replica, lines);
  }

  /** An operator who does not end the old primary: its connections are still open when it goes on. */
  async #zombie({ lines, freezeMs }: Stage): Promise<Loss> {
    const { replica } = await this.#replicate();
    const old = this.#primary;
    const from = performance.now() - LAG_MS;
    old.freeze();
    await this.#switch(replica, lines);
    // from here on, what is acknowledged is on the new one
    const to = performance.now();
    await pause(freezeMs);
    old.thaw();
    return { from, to };
  }

  /** Without a word, the replica gets nothing any more; then the primary dies. */
  async #failOverWithLoss({ lines, quiet }: Stage): Promise<Loss> {
    const { replica, line } = await this.#replicate();
    const from = performance.now();
    line.blackHole();
    await quiet();
    await this.#primary.kill();
    line.cut();
    await this.#switch(replica, lines);
    return { from, to: performance.now() };
  }

  async #replicate(): Promise<{ readonly replica: PostgresServer; readonly line: TcpProxy }> {
    const line = await startTcpProxy(this.#primary.port);
    this.#lines.push(line);
    const replica = await PostgresServer.replicaOf(this.#primary, line.port);
    this.#servers.push(replica);
    return { replica, line };
  }

  /** As an address that moves: new connections lead to the replica. */
  async #switch(replica: PostgresServer, lines: Stage['lines']): Promise<void> {
    await replica.promote();
    this.#primary = replica;
    for (const line of lines) line.target = replica.port;
  }
}

/** Messages of the application's transactions. */
const isOrder = (id: string): boolean => id.startsWith('order-') || id.startsWith('never-');
