import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub } from '../../src/index.ts';
import { startLog } from '../support/postgres-nodes.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { hold, until } from '../support/redis-nodes.ts';

let server: PostgresServer;
let schema: string;

beforeAll(async () => {
  server = await PostgresServer.start();
  schema = await server.schema();
});
beforeEach(() => server.wipe(schema));
afterAll(() => server.stop());

function startHub(): Hub {
  const hub = createHub({ log: startLog({ url: server.url, schema }) });
  onTestFinished(() => hub.close());
  return hub;
}

async function client() {
  const opened = await server.connect();
  onTestFinished(() => opened.end());
  return opened;
}

it('a message is delivered after the commit, with a receipt, and not before', async () => {
  const hub = startHub();
  const elsewhere = await hold(startLog({ url: server.url, schema }));
  const transaction = await client();
  await transaction.query('BEGIN');
  const pending = await hub.thread('t').send({ text: 'hello' }, { transaction, idempotencyKey: 'a' });
  expect([pending.id, pending.pending]).toEqual(['a', true]);
  // the thread is not locked
  const other = await hub.thread('t').send('before');
  expect(other.position).toMatch(/\.1\./);
  expect((await hub.thread('t').history()).messages.map(({ id }) => id)).toEqual([other.id]);
  await transaction.query('COMMIT');
  const receipt = await pending.committed;
  expect([receipt?.id, receipt?.position, receipt?.isDuplicate]).toEqual([
    'a',
    expect.stringMatching(/\.2\.a$/),
    false,
  ]);
  await until(() => elsewhere.entries.length === 2);
  expect(elsewhere.entries.map(({ id }) => id)).toEqual([other.id, 'a']);
});

it('a message whose transaction, or savepoint, is rolled back is never delivered', async () => {
  const hub = startHub();
  const transaction = await client();
  await transaction.query('BEGIN');
  const one = await hub.thread('t').send('one', { transaction });
  await transaction.query('ROLLBACK');
  expect(await one.committed).toBeUndefined();
  await transaction.query('BEGIN; SAVEPOINT s');
  const two = await hub.thread('t').send('two', { transaction });
  await transaction.query('ROLLBACK TO s; COMMIT');
  expect(await two.committed).toBeUndefined();
  expect((await hub.thread('t').history()).messages).toEqual([]);
});

it('messages of transactions come in the order of their commits, whichever node appends them', async () => {
  const hubs = [startHub(), startHub()] as const;
  const held = await hold(startLog({ url: server.url, schema }));
  const transactions = await Promise.all(Array.from({ length: 6 }, client));
  const sent = [];
  for (const [i, transaction] of transactions.entries()) {
    await transaction.query('BEGIN');
    const hub = hubs[i % 2 === 0 ? 0 : 1];
    for (const n of [1, 2]) sent.push(await hub.thread('t').send(n, { transaction, idempotencyKey: `m${i}.${n}` }));
  }
  const order = [3, 0, 5, 1, 4, 2];
  for (const i of order) await transactions[i]?.query('COMMIT');
  const receipts = await Promise.all(sent.map(({ committed }) => committed));
  expect(receipts.every((receipt) => receipt?.isDuplicate === false)).toBe(true);
  await until(() => held.entries.length === 12);
  expect(held.entries.map(({ id }) => id)).toEqual(order.flatMap((i) => [`m${i}.1`, `m${i}.2`]));
});

it('a known id is not sent again', async () => {
  const hub = startHub();
  const first = await hub.thread('t').send('a', { idempotencyKey: 'a' });
  const transaction = await client();
  const again = await hub.thread('t').send('b', { transaction, idempotencyKey: 'a' });
  const receipt = await again.committed;
  expect([receipt?.position, receipt?.isDuplicate]).toEqual([first.position, true]);
});

it('a log without transactions, and options that do not fit, are refused', async () => {
  const transaction = await client();
  const memory = createHub();
  onTestFinished(() => memory.close());
  await expect(memory.thread('t').send('a', { transaction })).rejects.toMatchObject({ code: 'TC_LOG_UNSUPPORTED' });
  const thread = startHub().thread('t');
  for (const more of [{ lane: 'volatile' as const }, { replaces: 'x' }])
    await expect(thread.send('a', { transaction, ...more })).rejects.toMatchObject({ code: 'TC_INVALID_OPTION' });
  await transaction.query('BEGIN; SELECT 1').catch(() => {});
  await transaction.query('SELECT 1/0').catch(() => {});
  await expect(thread.send('a', { transaction })).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
});
