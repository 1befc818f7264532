import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub, type PendingReceipt } from '../../src/index.ts';
import type { PostgresLogOptions } from '../../src/postgres/index.ts';
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

const newLog = (options: PostgresLogOptions = {}) => startLog({ url: server.url, schema, ...options });

function startHub(options: PostgresLogOptions = {}): Hub {
  const hub = createHub({ log: newLog(options) });
  hub.on('error', () => {});
  onTestFinished(() => hub.close());
  return hub;
}

async function begin() {
  const opened = await server.connect();
  onTestFinished(() => opened.end());
  await opened.query('BEGIN');
  return opened;
}

const idsIn = async (hub: Hub, threadId = 't') => (await hub.thread(threadId).history()).messages.map(({ id }) => id);

it('a send does not wait for an open transaction with the same key, and its rollback does not touch it', async () => {
  const hub = startHub();
  const transaction = await begin();
  const pending = await hub.thread('t').send('in it', { transaction, idempotencyKey: 'a' });
  const receipt = await hub.thread('t').send('outside', { idempotencyKey: 'a' });
  expect(receipt.isDuplicate).toBe(false);
  await transaction.query('ROLLBACK');
  expect(await pending.committed).toBeUndefined();
  expect(await idsIn(hub)).toEqual(['a']);
});

it('of two messages with one key, that of the transaction that commits counts', async () => {
  const hub = startHub();
  // the thread is open: entries are placed as they come
  await hold(newLog());
  const [one, two] = [await begin(), await begin()];
  const first = await hub.thread('t').send('first', { transaction: one, idempotencyKey: 'a' });
  const second = await hub.thread('t').send('second', { transaction: two, idempotencyKey: 'a' });
  await two.query('COMMIT');
  expect((await second.committed)?.isDuplicate).toBe(false);
  await one.query('ROLLBACK');
  expect(await first.committed).toBeUndefined();
  const [message] = (await hub.thread('t').history()).messages;
  expect(message?.data).toBe('second');
});

it('two messages with one key in one transaction are one message, and the second receipt says so', async () => {
  const hub = startHub();
  const transaction = await begin();
  const thread = hub.thread('t');
  const sent: PendingReceipt[] = [];
  for (const text of ['first', 'second']) sent.push(await thread.send(text, { transaction, idempotencyKey: 'a' }));
  await transaction.query('COMMIT');
  const receipts = await Promise.all(sent.map(({ committed }) => committed));
  expect(receipts.filter((receipt) => receipt?.isDuplicate === true)).toHaveLength(1);
  expect(new Set(receipts.map((receipt) => receipt?.position)).size).toBe(1);
  expect(await idsIn(hub)).toEqual(['a']);
});

it('a transaction whose connection is lost delivers nothing', async () => {
  const hub = startHub();
  const transaction = await begin();
  const { rows } = await transaction.query('SELECT pg_backend_pid() AS pid');
  const pending = await hub.thread('t').send('a', { transaction });
  await server.query('SELECT pg_terminate_backend($1::int)', [rows[0]?.pid]);
  expect(await pending.committed).toBeUndefined();
  expect(await idsIn(hub)).toEqual([]);
});

it('what a node has sent whose process ends before the commit, another one delivers', async () => {
  const [hub, other] = [startHub(), startHub()];
  const transaction = await begin();
  const pending = await hub.thread('t').send('a', { transaction, idempotencyKey: 'a' });
  await hub.close();
  await expect(pending.committed).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  await transaction.query('COMMIT');
  await until(async () => (await idsIn(other)).length === 1);
  expect(await idsIn(other)).toEqual(['a']);
});

it('a client that has ended, or does not answer, and a database that is away are told in time', async () => {
  const hub = startHub({ timeoutMs: 1_500 });
  const ended = await begin();
  await ended.end();
  await expect(hub.thread('t').send('a', { transaction: ended })).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  const frozen = { query: () => new Promise<never>(() => {}) };
  const thread = hub.thread('t');
  await expect(thread.send('a', { transaction: frozen })).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  const away = createHub({ log: startLog({ url: server.urlAt(1), schema, timeoutMs: 300 }) });
  away.on('error', () => {});
  onTestFinished(() => away.close());
  const transaction = await begin();
  await expect(away.thread('t').send('a', { transaction })).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
});

it('a transaction that this server does not know, as after a failover, is over, and hides no other', async () => {
  const hub = startHub();
  const ghost = { query: () => Promise.resolve({ rows: [{ seq: '1', xid: '987654321' }] }) };
  const lost = await hub.thread('t').send('lost', { transaction: ghost });
  const transaction = await begin();
  const pending = await hub.thread('t').send('a', { transaction, idempotencyKey: 'a' });
  expect(await lost.committed).toBeUndefined();
  await transaction.query('COMMIT');
  expect((await pending.committed)?.position).toMatch(/\.1\.a$/);
});

it('large messages, and up to the limit of bytes in open transactions', async () => {
  const hub = startHub({ maxPendingBytes: 1_500_000 });
  const transaction = await begin();
  const large = 'x'.repeat(1_000_000);
  const pending = await hub.thread('t').send(large, { transaction, idempotencyKey: 'large' });
  await expect(hub.thread('t').send(large, { transaction })).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  await expect(hub.thread('t').send(large + large, { transaction })).rejects.toMatchObject({
    code: 'TC_MESSAGE_TOO_LARGE',
  });
  await transaction.query('COMMIT');
  expect((await pending.committed)?.bytes).toBe(1_000_002);
  const elsewhere = await hold(newLog());
  expect(elsewhere.subscription.tail.headId).toBe('large');
});

/** As nodes that have died: rows that nobody has taken. */
const COMMIT_MANY = (name: string): string => `INSERT INTO ${name}.outbox (thread, id, header, body, epoch)
  SELECT $1, 'm' || n, '{}', convert_to(n::text, 'UTF8'), 'e' FROM generate_series(1, $2::int) n ORDER BY n`;

it('what has piled up is taken in order, and a thread with much does not hold up the others', async () => {
  await server.query(COMMIT_MANY(schema), ['crowded', 3_000]);
  await server.query(COMMIT_MANY(schema), ['small', 2]);
  const [log] = [newLog(), newLog()];
  const crowded = await hold(log, 'crowded');
  await until(() => crowded.subscription.tail.head === 3_000);
  const entries = await log.readAfter('crowded', 0, 3_000);
  expect(entries.map(({ id }) => id)).toEqual(Array.from({ length: 3_000 }, (_, i) => `m${i + 1}`));
  await until(async () => (await log.position('small')).offset === 2);
  expect(await server.query(`SELECT 1 FROM ${schema}.outbox`)).toEqual([]);
});
