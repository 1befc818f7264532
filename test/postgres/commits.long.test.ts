import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub, type PendingReceipt } from '../../src/index.ts';
import { loadDriver } from '../../src/infra/log/postgres/driver.ts';
import { startLog } from '../support/postgres-nodes.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { mulberry32 } from '../support/random.ts';
import { hold, until } from '../support/redis-nodes.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { seed } from '../support/tier.ts';

let server: PostgresServer;
let schema: string;

beforeAll(async () => {
  server = await PostgresServer.start();
  schema = await server.schema();
});
beforeEach(() => server.wipe(schema));
afterAll(() => server.stop());

const newLog = () => startLog({ url: server.url, schema });

function startHub(): Hub {
  const hub = createHub({ log: newLog() });
  hub.on('error', () => {});
  onTestFinished(() => hub.close());
  return hub;
}

/** A client with an open transaction, over a line that can be cut. */
async function beginOverProxy() {
  const proxy = await startTcpProxy(server.port);
  onTestFinished(() => proxy.close());
  const { Client } = await loadDriver();
  const client = new Client({ connectionString: server.urlAt(proxy.port) });
  client.on('error', () => {});
  await client.connect();
  await client.query('BEGIN');
  return { proxy, client };
}

async function begin() {
  const client = await server.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN');
  return client;
}

const idsIn = async (hub: Hub) => (await hub.thread('t').history()).messages.map(({ id }) => id);

it('a commit whose answer is lost is a commit: the message is delivered once, and the receipt says where', async () => {
  const [hub, elsewhere] = [startHub(), await hold(newLog())];
  const { proxy, client } = await beginOverProxy();
  const pending = await hub.thread('t').send('a', { transaction: client, idempotencyKey: 'a' });
  proxy.rate = 0;
  const commit = client.query('COMMIT').then(
    () => 'answered',
    () => 'lost',
  );
  expect((await pending.committed)?.position).toMatch(/\.1\.a$/);
  proxy.cut();
  expect(await commit).toBe('lost');
  // the application, which does not know, sends it again
  const again = await hub.thread('t').send('a', { idempotencyKey: 'a' });
  expect(again.isDuplicate).toBe(true);
  await until(() => elsewhere.entries.length === 1);
  expect(await idsIn(hub)).toEqual(['a']);
});

it('a role that may only insert into the outbox, and read it, sends in its transactions', async () => {
  const hub = startHub();
  const role = `app_${schema}`;
  await server.query(`CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA ${schema} TO ${role};
    GRANT INSERT, SELECT ON ${schema}.outbox TO ${role}`);
  const { Client } = await loadDriver();
  const client = new Client({ connectionString: server.url.replace('postgres@', `${role}@`) });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN');
  const pending = await hub.thread('t').send('a', { transaction: client, idempotencyKey: 'a' });
  await client.query('COMMIT');
  expect((await pending.committed)?.position).toMatch(/\.1\.a$/);
  await expect(client.query(`SELECT 1 FROM ${schema}.entries`)).rejects.toMatchObject({ code: '42501' });
});

it('a commit that is lost on its way is none', async () => {
  const hub = startHub();
  const { proxy, client } = await beginOverProxy();
  const pending = await hub.thread('t').send('a', { transaction: client, idempotencyKey: 'a' });
  proxy.upRate = 0;
  const commit = client.query('COMMIT').catch(() => 'lost');
  proxy.cut();
  expect(await commit).toBe('lost');
  expect(await pending.committed).toBeUndefined();
  expect(await idsIn(hub)).toEqual([]);
});

it('a node that dies while it gives committed messages their offsets leaves them to the others, in order', async () => {
  const gone = startHub();
  const transaction = await begin();
  const first = await gone.thread('t').send(1, { transaction, idempotencyKey: 'first' });
  await gone.close();
  await expect(first.committed).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  await transaction.query('COMMIT');
  // a node at work, which dies before its own commit
  const dying = await server.connect();
  await dying.query('BEGIN');
  const { rows } = await dying.query(
    `SELECT pg_backend_pid() AS pid, id FROM ${schema}.take_outbox(NULL, 64, 65536, 4096)`,
  );
  expect(rows).toMatchObject([{ id: 'first' }]);
  const hub = startHub();
  const more = await begin();
  const second = await hub.thread('t').send(2, { transaction: more, idempotencyKey: 'second' });
  await more.query('COMMIT');
  expect(await idsIn(hub)).toEqual([]);
  await server.query('SELECT pg_terminate_backend($1::int)', [rows[0]?.pid]);
  expect((await second.committed)?.position).toMatch(/\.2\.second$/);
  expect(await idsIn(hub)).toEqual(['first', 'second']);
});

it(`of transactions that overlap at random, those that commit are delivered once, in the order of their commits; seed ${seed}`, async () => {
  const random = mulberry32(seed);
  const hubs = [startHub(), startHub()] as const;
  const held = await hold(newLog());
  const idle = await Promise.all(Array.from({ length: 5 }, () => server.connect()));
  onTestFinished(async () => void (await Promise.all(idle.map((client) => client.end()))));
  interface Open {
    readonly client: (typeof idle)[number];
    readonly ids: readonly string[];
    readonly sent: readonly PendingReceipt[];
  }
  const open: Open[] = [];
  const done: { readonly sent: readonly PendingReceipt[]; readonly isCommitted: boolean }[] = [];
  const order: string[] = [];
  let number = 0;
  for (let step = 0; step < 60 || open.length > 0; step++) {
    const client =
      step < 60 && random() < 0.6 ? idle.find((each) => open.every((other) => other.client !== each)) : undefined;
    if (client !== undefined) {
      await client.query('BEGIN');
      const ids = Array.from({ length: 1 + Math.floor(random() * 3) }, () => `m${++number}`);
      const sent: PendingReceipt[] = [];
      const hub = hubs[random() < 0.5 ? 0 : 1];
      for (const id of ids) sent.push(await hub.thread('t').send(id, { transaction: client, idempotencyKey: id }));
      open.push({ client, ids, sent });
      continue;
    }
    const [over] = open.splice(Math.floor(random() * open.length), 1);
    if (over === undefined) continue;
    const isCommitted = random() < 0.7;
    await over.client.query(isCommitted ? 'COMMIT' : 'ROLLBACK');
    if (isCommitted) order.push(...over.ids);
    done.push({ sent: over.sent, isCommitted });
  }
  for (const { sent, isCommitted } of done)
    for (const { committed } of sent) expect((await committed) !== undefined).toBe(isCommitted);
  await until(() => held.entries.length >= order.length);
  expect(held.entries.map(({ id }) => id)).toEqual(order);
  expect(await server.query(`SELECT 1 FROM ${schema}.outbox`)).toEqual([]);
});
