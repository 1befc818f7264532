import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { PgBouncer } from '../support/pgbouncer.ts';
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

/** Two nodes have fewer connections to the server between them than one of them has to the pooler. */
async function startBouncer(mode: 'session' | 'transaction', connections: number): Promise<PgBouncer> {
  const bouncer = await PgBouncer.start(server, mode, connections);
  onTestFinished(() => bouncer.stop());
  return bouncer;
}

it.each([
  // polling comes too late for these tests: what arrives has come with a notice
  ['transaction mode, and a direct connection that listens', 'transaction', 3, { pollMs: 600_000 }],
  ['session mode', 'session', 20, { pollMs: 600_000, listenUrl: undefined }],
  ['transaction mode without a direct connection, by polling', 'transaction', 3, { listenUrl: undefined }],
] as const)('nodes work through PgBouncer in %s', async (name, mode, connections, more) => {
  const bouncer = await startBouncer(mode, connections);
  const options = { url: bouncer.url, listenUrl: server.url, schema, commandTimeoutMs: 10_000, ...more };
  const [here, there] = [startLog(options), startLog(options)];
  const threads = ['a', 'b', 'c', 'd'].map((thread) => `${thread} ${name}`);
  const held = await Promise.all(threads.map((threadId) => hold(there, threadId)));
  const ids = Array.from({ length: 20 }, (_, n) => `m${n}`);
  await Promise.all(threads.flatMap((threadId) => ids.map(async (id) => await here.append(draft(id, { threadId })))));
  await until(() => held.every(({ entries }) => entries.length === ids.length));
  for (const { entries, resets } of held) expect([entries.map(({ id }) => id), resets]).toEqual([ids, []]);
  const [threadId = ''] = threads;
  await here.append(draft('long', { threadId, bytes: 300_000 }));
  await until(() => held[0]?.entries.at(-1)?.body.bytes === 300_000);
  await here.erase?.(threadId);
  // nothing told the other node, where it does not listen: the next comparison does
  await until(() => held[0]?.resets.length === 1);
});
