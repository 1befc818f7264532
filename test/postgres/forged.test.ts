import { afterAll, beforeAll, expect, it } from 'vitest';
import { startLog } from '../support/postgres-nodes.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { draft, hold, until } from '../support/redis-nodes.ts';

let server: PostgresServer;
let schema: string;

beforeAll(async () => {
  server = await PostgresServer.start();
  schema = await server.schema();
});
afterAll(() => server.stop());

it('a notice of an entry with a forged time hides no later loss', async () => {
  const author = startLog({ url: server.url, schema });
  // its polls, which would find the loss as well, do not come
  const reader = startLog({ url: server.url, schema, pollMs: 3_600_000 });
  for (const id of ['a', 'b', 'c']) await author.append(draft(id));
  const { entries, resets } = await hold(reader);
  await author.append(draft('d'));
  await until(() => entries.length === 1);
  const { epoch } = await author.position('t');
  const notice = `E${JSON.stringify({ b: 'x', s: 1, e: [['t', epoch, 5, 9e15, 'forged', '{}', 1]] })}\n1`;
  await server.query('SELECT pg_notify($1, $2)', [`threadcast_${schema}`, notice]);
  await until(() => entries.length === 2);
  await server.query(`DELETE FROM ${schema}.entries WHERE pos > 1`);
  await server.query(`UPDATE ${schema}.threads SET head = 1, head_id = 'a'`);
  await new Promise((resolve) => void setTimeout(resolve, 5));
  // below what the reader holds
  await author.append(draft('e'));
  await until(() => entries.at(-1)?.id === 'e');
  expect(entries.map(({ id, offset }) => `${offset} ${id}`)).toEqual(['4 d', '5 forged', '2 e']);
  expect(resets).toEqual([{ why: 'fork', after: 1 }]);
});
