import { setTimeout as delay } from 'node:timers/promises';
import { postgresLog } from '../../src/postgres/index.ts';
import type { PostgresServer } from '../../test/support/postgres-server.ts';
import { format, table } from '../document.ts';
import { cpuUsOf } from './cpu.ts';

const ENTRIES = 1_000_000;
const THREADS = 1_000;
const KEPT = 10;

/** Entries in each thread that one statement writes. */
const STEP = 50;

/** Entries of 200 bytes, as if they had been appended long ago. */
const FILL = (schema: string, from: number): string => `
INSERT INTO ${schema}.threads (thread, log, epoch, head, head_id, head_at)
  SELECT 'old:' || n, n, 'e', ${from + STEP - 1}, 'm', 1 FROM generate_series(1, ${THREADS}) n
  ON CONFLICT (thread) DO UPDATE SET head = excluded.head;
INSERT INTO ${schema}.entries (log, pos, id, at, kind, live, header, size, body)
  SELECT n, pos, 'm' || pos, 1, 'm', true, '{"b":"a-node"}', 200, convert_to(repeat('x', 200), 'UTF8')
  FROM generate_series(${from}, ${from + STEP - 1}) pos, generate_series(1, ${THREADS}) n`;

/** CPU of all processes of the server, in microseconds. */
async function cpuUs(server: PostgresServer): Promise<number> {
  const rows = await server.query('SELECT pid FROM pg_stat_activity');
  return rows.reduce((sum, { pid }) => sum + cpuUsOf(pid), 0);
}

async function megabytes(server: PostgresServer, schema: string): Promise<number> {
  const [row] = await server.query(`SELECT pg_total_relation_size('${schema}.entries') AS bytes`);
  return Number(row?.['bytes']) / 1_048_576;
}

async function walBytes(server: PostgresServer): Promise<number> {
  const [row] = await server.query(`SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS bytes`);
  return Number(row?.['bytes']);
}

async function entriesOf(server: PostgresServer, schema: string): Promise<number> {
  const [row] = await server.query(`SELECT count(*) AS count FROM ${schema}.entries`);
  return Number(row?.['count']);
}

/** Deletes a million entries as a node does, and reports what that costs and leaves. */
export async function retention(server: PostgresServer): Promise<string> {
  const schema = await server.schema();
  const fill = async (first: number): Promise<void> => {
    for (let from = first; from < first + ENTRIES / THREADS; from += STEP) await server.query(FILL(schema, from));
    await server.query('ANALYZE');
  };
  await fill(1);
  const full = await megabytes(server, schema);
  const log = postgresLog({ url: server.url, schema, maxEntries: KEPT, idempotencyMs: 1_000 });
  await log.position('t');
  const [cpu, wal, began] = [await cpuUs(server), await walBytes(server), performance.now()];
  while ((await entriesOf(server, schema)) > THREADS * KEPT) await delay(1_000);
  const seconds = (performance.now() - began) / 1_000;
  const deleted = ENTRIES - THREADS * KEPT;
  const us = ((await cpuUs(server)) - cpu) / deleted;
  const bytes = ((await walBytes(server)) - wal) / deleted;
  await log.close();
  const after = await megabytes(server, schema);
  await server.query(`VACUUM ${schema}.entries`);
  const vacuumed = await megabytes(server, schema);
  await fill(ENTRIES / THREADS + 1);
  const again = await megabytes(server, schema);
  const rows = [
    ['CPU of the server for a deleted entry, us', format(us)],
    ['WAL for a deleted entry, bytes', format(bytes)],
    ['entries deleted a second', format(deleted / seconds)],
    ['the table with its indexes before, MB', format(full)],
    ['after the deletion', format(after)],
    ['after `VACUUM`', format(vacuumed)],
    ['with another million entries', format(again)],
  ];
  return table([`retention of ${format(ENTRIES)} entries in ${format(THREADS)} threads`, ''], rows);
}
