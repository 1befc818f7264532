import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub } from '../../src/index.ts';
import { startLog } from '../support/postgres-nodes.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { appendAll, draft, names, until } from '../support/redis-nodes.ts';

let server: PostgresServer;
let schema: string;

beforeAll(async () => {
  server = await PostgresServer.start();
  schema = await server.schema();
});
beforeEach(() => server.wipe(schema));
afterAll(() => server.stop());

/** The tables that have a text, or its bytes, in any row. */
async function tablesWith(text: string): Promise<string[]> {
  const tables = await server.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema]);
  const found: string[] = [];
  for (const { tablename } of tables) {
    const [row] = await server.query(
      `SELECT count(*)::int AS count FROM ${schema}.${String(tablename)} t WHERE t::text LIKE $1 OR t::text LIKE $2`,
      [`%${text}%`, `%${Buffer.from(text).toString('hex')}%`],
    );
    if (row?.count !== 0) found.push(String(tablename));
  }
  return found;
}

it('no table has a word of a message that was removed, or of a thread that was deleted', async () => {
  const hub = createHub({ log: startLog({ url: server.url, schema }) });
  onTestFinished(() => hub.close());
  const thread = hub.thread('t');
  const { id } = await thread.send({ text: 'secret one' });
  await thread.send({ text: 'secret two' }, { replaces: id });
  const large = await thread.send({ text: `secret ${'x'.repeat(300_000)}` });
  await thread.send({ text: `secret ${'y'.repeat(300_000)}` }, { replaces: large.id });
  expect(await tablesWith('secret')).toEqual(['entries', 'pieces']);
  await thread.remove(id);
  await thread.remove(large.id);
  expect(await tablesWith('secret')).toEqual([]);

  await thread.send('secret', { conflate: 'secret key' });
  await thread.send(`secret ${'z'.repeat(300_000)}`);
  await thread.values.set('secret', 'secret');
  // committed, and not taken by any node yet
  await server.query(
    `INSERT INTO ${schema}.outbox (thread, id, header, body, epoch) VALUES ('t', 'm', '{}', 'secret', 'e')`,
  );
  await thread.delete();
  await until(async () => (await tablesWith('secret')).length === 0);
});

it('a message in the outbox is erased with its thread', async () => {
  await server.query(
    `INSERT INTO ${schema}.outbox (thread, id, header, body, epoch) VALUES ('t', 'm', '{}', 'secret', 'e')`,
  );
  await server.query(`SELECT ${schema}.erase('t', 'next')`);
  expect(await tablesWith('secret')).toEqual([]);
});

it('threads of connections that have ended leave no row', async () => {
  const log = startLog({ url: server.url, schema });
  const subscription = await log.subscribe('~connection:1', () => {});
  await log.append(draft('secret', { threadId: '~connection:1' }));
  expect(await tablesWith('secret')).toContain('entries');
  log.forget?.('~connection:1');
  subscription.unsubscribe();
  await until(async () => (await tablesWith('~connection')).length === 0);
  expect(await tablesWith('secret')).toEqual([]);
});

it('the table keeps what the rule of each thread says, on one node, while others append', async () => {
  const options = { url: server.url, schema, idempotencyMs: 1_000, retention: { 'hot:*': { maxEntries: 50 } } };
  const logs = [startLog(options), startLog(options)] as const;
  const append = (threadId: string, from: number): Promise<unknown> =>
    Promise.all(names(from, from + 1_199).map(async (id) => logs[from === 1 ? 0 : 1].append(draft(id, { threadId }))));
  for (const from of [1, 2_001]) await Promise.all([append('hot:1', from), append('kept', from)]);
  const counts = (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
    server.query(
      `SELECT thread, count(*)::int AS count FROM ${schema}.threads t JOIN ${schema}.entries e USING (log)
       GROUP BY thread ORDER BY thread`,
    );
  await until(async () => (await counts())[0]?.count === 50);
  expect(await counts()).toEqual([
    { thread: 'hot:1', count: 50 },
    { thread: 'kept', count: 2_400 },
  ]);
  expect(await appendAll(logs[0], ['more'])).toEqual([1]);
});
