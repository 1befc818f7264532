import { loadDriver, type PgClient } from '../../src/infra/log/postgres/driver.ts';
import type { Thread } from '../../src/index.ts';

const IDLE_MS = 500;

/** What an application does in transactions of its own: a row of its table, and the message about it. */
export class Orders {
  readonly #options: object;
  readonly #idle: { readonly client: PgClient; readonly since: number }[] = [];

  constructor(url: string, timeoutMs: number) {
    this.#options = { connectionString: url, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs };
  }

  /** Resolves when the message has an offset. An order that was placed before stays as it is. */
  async place(thread: Thread, key: string): Promise<void> {
    const idle = this.#idle.pop();
    // an older one may be to a server that another one has replaced
    const isFresh = idle !== undefined && performance.now() - idle.since < IDLE_MS;
    const client = isFresh ? idle.client : await this.#connect();
    if (!isFresh) idle?.client.end().catch(() => {});
    try {
      await client.query('BEGIN');
      const { rows } = await client.query('INSERT INTO orders VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING key', [
        key,
        thread.id,
      ]);
      const isNew = rows.length > 0;
      const sent = isNew ? await this.#send(client, thread, key) : undefined;
      await client.query('COMMIT');
      // committed by a server that another one has replaced
      if (sent !== undefined && (await sent.committed) === undefined)
        throw new Error('the database has lost the order');
      this.#idle.push({ client, since: performance.now() });
    } catch (error) {
      client.end().catch(() => {});
      throw error;
    }
  }

  /** With another message that is rolled back. */
  async #send(client: PgClient, thread: Thread, key: string): Promise<{ readonly committed: Promise<unknown> }> {
    await client.query('SAVEPOINT change_of_mind');
    const never = await thread.send({ key }, { transaction: client, idempotencyKey: key.replace('order', 'never') });
    never.committed.catch(() => {});
    await client.query('ROLLBACK TO change_of_mind');
    const { committed } = await thread.send({ key }, { transaction: client, idempotencyKey: key });
    committed.catch(() => {});
    return { committed };
  }

  async #connect(): Promise<PgClient> {
    const { Client } = await loadDriver();
    const client = new Client(this.#options);
    // each statement learns of it
    client.on('error', () => {});
    await client.connect();
    return client;
  }
}
