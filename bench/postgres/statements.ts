import { postgresLog, type PostgresLogOptions } from '../../src/postgres/index.ts';
import type { DeliveryLog } from '../../src/index.ts';
import type { PostgresServer } from '../../test/support/postgres-server.ts';
import { format, median, table } from '../document.ts';
import { cpuUsOf } from './cpu.ts';

const ROUNDS = 7;
const TIMES = 500;
const THREADS = 100;

type Work = (log: DeliveryLog, n: number) => unknown;

/** Of the server and of this process, for one call. */
interface Cost {
  readonly serverUs: number;
  readonly nodeUs: number;
}

async function costOf(server: PostgresServer, log: DeliveryLog, application: string, work: Work): Promise<Cost> {
  const serverUs = async (): Promise<number> => {
    const rows = await server.query('SELECT pid FROM pg_stat_activity WHERE application_name = $1', [application]);
    return rows.reduce((sum, { pid }) => sum + cpuUsOf(pid), 0);
  };
  const before = await serverUs();
  const cpu = process.cpuUsage();
  for (let n = 0; n < TIMES; n++) await work(log, n);
  const { user, system } = process.cpuUsage(cpu);
  return { serverUs: ((await serverUs()) - before) / TIMES, nodeUs: (user + system) / TIMES };
}

/** The same calls one after the other, by turns without and with prepared statements. */
export async function statements(
  server: PostgresServer,
  append: (log: DeliveryLog, threadId: string) => unknown,
): Promise<string> {
  const schema = await server.schema();
  const make = (options: PostgresLogOptions): DeliveryLog =>
    // one connection for all calls: what the other ones have not prepared yet is not counted
    postgresLog({ url: server.url, schema, poolSize: 2, ...options });
  const kinds: readonly (readonly [string, Work])[] = [
    ['an append', (log, n) => append(log, `t${n % THREADS}`)],
    ['`position`', (log, n) => log.position(`t${n % THREADS}`)],
    ['a page of 20 of the history', (log, n) => log.readBefore(`t${n % THREADS}`, Infinity, 20, Infinity)],
  ];
  const filler = make({});
  for (let n = 0; n < 10_000; n += 100)
    await Promise.all(Array.from({ length: 100 }, (_, i) => append(filler, `t${i % THREADS}`)));
  await filler.close();
  await server.query('ANALYZE');
  const rows: string[][] = [];
  for (const [name, work] of kinds) {
    const found: (readonly [Cost, Cost])[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const pair: Cost[] = [];
      for (const preparedStatements of [false, true]) {
        const log = make({ preparedStatements });
        await log.position('t0');
        pair.push(await costOf(server, log, 'threadcast', work));
        await log.close();
      }
      const [plain, named] = pair;
      if (plain !== undefined && named !== undefined) found.push([plain, named]);
    }
    const of = (value: (pair: readonly [Cost, Cost]) => number): number => median(found.map(value));
    rows.push([
      name,
      format(of(([plain]) => plain.serverUs)),
      `${format(of(([, named]) => named.serverUs))} (${format(of(([plain, named]) => named.serverUs / plain.serverUs))} x)`,
      format(of(([plain]) => plain.nodeUs)),
      `${format(of(([, named]) => named.nodeUs))} (${format(of(([plain, named]) => named.nodeUs / plain.nodeUs))} x)`,
    ]);
  }
  return table(['one at a time', 'server, us', 'prepared', 'node, us', 'prepared'], rows);
}
