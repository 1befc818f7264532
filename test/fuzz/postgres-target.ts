import { createHub, type Hub } from '../../src/index.ts';
import type { PgClient } from '../../src/infra/log/postgres/driver.ts';
import { postgresLog } from '../../src/postgres/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import type { Behaviour, Input, Target } from './input.ts';
import { lookUntil, numbersOf, typeOf } from './node-links.ts';

const ATTACKED = 'attacked';
const HEALTHY = 'healthy';

/** Until a message has to be there: the machine may be busy. */
const WAIT_MS = 30_000;

/** Of a row, in the order of the parameters below. */
const COLUMNS = ['id', 'at', 'kind', 'live', 'edited', 'header', 'size', 'body', 'pieces', 'key', 'target', 'expires'];

/**
 * Two nodes over a real PostgreSQL, and another program that writes into the tables and the channel. An input is JSON: `entry` is a row that the
 * program appends to the attacked thread, `change` what it makes of the thread's newest row, `piece` a piece of a large message, `value` a
 * keyed value, `notice` what it publishes. `EPOCH` and `NEXT` stand for the thread's epoch and next offset. What counts the offsets is left
 * alone, as with Redis.
 */
export class PostgresTarget implements Target {
  readonly #server: PostgresServer;
  readonly #schema: string;
  readonly #writer: PgClient;
  readonly #hubs: readonly [Hub, Hub];
  readonly #links = [new FakeLink(), new FakeLink()];
  #sent = 0;

  private constructor(server: PostgresServer, schema: string, writer: PgClient) {
    this.#server = server;
    this.#schema = schema;
    this.#writer = writer;
    const open = (): Hub => {
      const log = postgresLog({ url: server.url, schema, timeoutMs: WAIT_MS, commandTimeoutMs: WAIT_MS });
      const hub = createHub({ log, development: false });
      // what another program writes may be reported, and must not end anything
      hub.on('error', () => {});
      return hub;
    };
    this.#hubs = [open(), open()];
  }

  static async open(): Promise<PostgresTarget> {
    const server = await PostgresServer.start();
    const target = new PostgresTarget(server, await server.schema(), await server.connect());
    for (const [i, hub] of target.#hubs.entries()) {
      const connection = hub.accept(target.#links[i]?.attach ?? fail('no link'), { authorize: () => true });
      await connection.join(HEALTHY);
      await connection.join(ATTACKED);
    }
    await target.#hubs[0].thread(ATTACKED).send('the first');
    return target;
  }

  async feed(inputs: readonly Input[]): Promise<readonly Behaviour[]> {
    const before = this.#links.map(({ received }) => received.length);
    const { epoch, head } = await this.#head();
    await Promise.all(
      inputs.map(({ data }, i) => {
        const text = data.toString().replaceAll('EPOCH', epoch);
        return this.#write(fieldsIn(text.replaceAll('NEXT', String(head + 1 + i))));
      }),
    );
    // both nodes read what was written before it
    await this.#hubs[this.#sent % 2 === 0 ? 0 : 1].thread(ATTACKED).send('a tick');
    for (const [i, { received }] of this.#links.entries())
      for (const frame of received.slice(before[i])) JSON.parse(frame);
    const kinds = this.#links.map(({ received }, i) => [...new Set(received.slice(before[i]).map(typeOf))].join(' '));
    return inputs.map(() => kinds.join('/'));
  }

  async check(): Promise<void> {
    const news = [++this.#sent, ++this.#sent];
    for (const [i, hub] of this.#hubs.entries()) await hub.thread(HEALTHY).send({ healthy: news[i] });
    await this.#hubs[this.#sent % 4 === 0 ? 0 : 1].thread(ATTACKED).send({ again: this.#sent });
    for (const link of this.#links) {
      const isThere = (): boolean =>
        numbersOf(link, 'healthy').length >= news.length && numbersOf(link, 'again').includes(this.#sent);
      if (!(await lookUntil(isThere, WAIT_MS)))
        fail(`not all of ${news.join()} came: ${link.received.slice(-20).join('\n').slice(0, 2_000)}`);
      const got = numbersOf(link, 'healthy');
      if (got.join() !== news.join()) fail(`the neighbour got ${got.join()} of ${news.join()}`);
      if (link.isClosed) fail(`the neighbour was closed with ${link.closeCode}`);
      link.received.length = 0;
    }
    // so that a page begins where it did
    await this.#query(
      `DELETE FROM ~.entries e USING ~.threads t WHERE t.thread = $1 AND e.log = t.log AND e.pos < t.head - 100`,
      [ATTACKED],
    );
    await this.#query('DELETE FROM ~.values WHERE thread = $1', [ATTACKED]);
    await this.#query('DELETE FROM ~.pieces WHERE name <> $1', ['up-1']);
  }

  async close(): Promise<void> {
    await Promise.all(this.#hubs.map((hub) => hub.close()));
    await this.#writer.end();
    await this.#server.stop();
  }

  async #head(): Promise<{ readonly epoch: string; readonly head: number }> {
    const [row] = await this.#query('SELECT epoch, head FROM ~.threads WHERE thread = $1', [ATTACKED]);
    return { epoch: String(row?.['epoch']), head: Number(row?.['head']) };
  }

  async #write({ entry, change, piece, value, notice }: Record<string, unknown>): Promise<void> {
    try {
      if (entry !== undefined) await this.#append(valuesOf(entry, COLUMNS));
      if (change !== undefined) await this.#change(fieldsOf(change));
      if (piece !== undefined)
        await this.#query('INSERT INTO ~.pieces VALUES ($1, $2, $3)', valuesOf(piece, ['name', 'n', 'body']));
      if (value !== undefined)
        await this.#query('INSERT INTO ~.values VALUES ($1, $2, $3, $4, $5, $6, $7)', [
          ATTACKED,
          ...valuesOf(value, ['hash', 'key', 'json', 'owner', 'until', 'size']),
        ]);
      if (notice !== undefined)
        await this.#query('SELECT pg_notify($1, $2)', [`threadcast_${this.#schema}`, textOf(notice)]);
    } catch {
      // PostgreSQL does not take it: another type, or an id that is there
    }
  }

  async #append(values: readonly unknown[]): Promise<void> {
    await this.#query(
      `WITH t AS (UPDATE ~.threads SET head = head + 1, head_id = $2, head_at = $3 WHERE thread = $1 RETURNING log, head)
       INSERT INTO ~.entries (log, pos, ${COLUMNS.join(', ')})
       SELECT log, head, $2, $3::bigint, $4::"char", $5::boolean, $6::boolean, $7, $8::int, $9::bytea, $10, $11, $12, $13::bigint FROM t`,
      [ATTACKED, ...values],
    );
  }

  async #change(fields: Readonly<Record<string, unknown>>): Promise<void> {
    for (const column of COLUMNS)
      if (column in fields)
        await this.#query(
          `UPDATE ~.entries e SET ${column} = $2 FROM ~.threads t WHERE t.thread = $1 AND e.log = t.log AND e.pos = t.head`,
          [ATTACKED, ...valuesOf(fields, [column])],
        );
  }

  async #query(text: string, values: readonly unknown[]) {
    return (await this.#writer.query(text.replaceAll('~', this.#schema), values)).rows;
  }
}

function valuesOf(row: unknown, columns: readonly string[]): unknown[] {
  const fields = fieldsOf(row);
  return columns.map((column) => {
    const value = fields[column];
    if (column === 'body') return typeof value === 'string' ? Buffer.from(value, 'latin1') : undefined;
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
  });
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

function fieldsIn(text: string): Record<string, unknown> {
  try {
    return { ...fieldsOf(JSON.parse(text)) };
  } catch {
    return { notice: text };
  }
}

function fail(what: string): never {
  throw new Error(what);
}
