/**
 * What the Postgres log costs beside the Redis log: appends a second, and the way of a message to another node.
 * `npm run bench:postgres -- [--seconds 3] [--rounds 3] [--out docs/benchmarks.md]`. All servers are started on loopback, and measured in turn.
 */
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeBody, type DeliveryLog } from '../../src/index.ts';
import { postgresLog } from '../../src/postgres/index.ts';
import { redisLog } from '../../src/redis/index.ts';
import { PostgresServer } from '../../test/support/postgres-server.ts';
import { RedisServer } from '../../test/support/redis-server.ts';
import { environment, format, median, table, writeSection } from '../document.ts';
import { retention } from './retention.ts';
import { statements } from './statements.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

const BYTES = 200;
const THREADS = 100;
/** Appends in flight, for the rate. */
const IN_FLIGHT = 256;
/** Messages a second, for the way to another node. */
const RATES = [100, 1_000] as const;
const TICK_MS = 10;

let ids = 0;

const append = (log: DeliveryLog, threadId: string, text: string) => {
  const body = makeBody([Buffer.from(JSON.stringify(text.padEnd(BYTES)))]);
  return log.append({ threadId, id: `m${++ids}`, lane: 'normal', body, expiresAt: Infinity });
};

interface Rate {
  readonly perSecond: number;
  /** Of this process, for one append. */
  readonly cpuUs: number;
}

async function appendsPerSecond(log: DeliveryLog): Promise<Rate> {
  const began = performance.now();
  const cpu = process.cpuUsage();
  let done = 0;
  const sender = async (n: number): Promise<void> => {
    for (; performance.now() < began + seconds * 1_000; done++) await append(log, `rate-${n % THREADS}`, 'x');
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => sender(n)));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (done * 1_000) / (performance.now() - began), cpuUs: (user + system) / done };
}

/** Milliseconds from a send on one node to the entry on the other, shortest first. */
async function delays(here: DeliveryLog, there: DeliveryLog, perSecond: number): Promise<number[]> {
  const found: number[] = [];
  const name = (n: number): string => `at-${perSecond}-${n % THREADS}`;
  const subscriptions = [];
  for (let n = 0; n < THREADS; n++)
    subscriptions.push(
      await there.subscribe(name(n), ({ body }) => {
        found.push(performance.now() - Number(JSON.parse(Buffer.concat(body.chunks).toString())));
      }),
    );
  const sent: unknown[] = [];
  const [began, total] = [performance.now(), perSecond * seconds];
  while (sent.length < total) {
    // as many as are due by now, whatever the timers of a busy machine do
    const due = Math.min(total, Math.ceil(((performance.now() - began) * perSecond) / 1_000));
    while (sent.length < due) sent.push(append(here, name(sent.length), String(performance.now())));
    await delay(TICK_MS);
  }
  await Promise.all(sent);
  while (found.length < total) await delay(TICK_MS);
  for (const subscription of subscriptions) subscription.unsubscribe();
  return found.toSorted((a, b) => a - b);
}

/** Opens the connections that a node has under load, and has the server plan what it does on each. */
async function warmUp(log: DeliveryLog): Promise<void> {
  for (let round = 0; round < 10; round++)
    await Promise.all(Array.from({ length: THREADS }, async (_, n) => append(log, `warm-${n}`, 'x')));
}

type Measured = Rate & { readonly delays: readonly (readonly number[])[] };

async function measure(make: () => DeliveryLog): Promise<Measured> {
  const [here, there] = [make(), make()];
  await Promise.all([warmUp(here), warmUp(there)]);
  const found: number[][] = [];
  for (const perSecond of RATES) found.push(await delays(here, there, perSecond));
  const rate = await appendsPerSecond(here);
  await Promise.all([here.close(), there.close()]);
  return { ...rate, delays: found };
}

const load = (): string => (loadavg()[0] ?? Number.NaN).toFixed(1);
const loadBefore = load();
const relaxed = await PostgresServer.start();
const durable = await PostgresServer.start(['fsync=on']);
const redis = await RedisServer.start();
const durableRedis = await RedisServer.start(['--appendonly', 'yes', '--appendfsync', 'always']);
try {
  const [one, two] = [await relaxed.schema(), await durable.schema()];
  const logs: readonly (readonly [string, () => DeliveryLog])[] = [
    ['Postgres, on disk before the answer', () => postgresLog({ url: durable.url, schema: two })],
    ['Postgres, `fsync=off`', () => postgresLog({ url: relaxed.url, schema: one })],
    ['Redis, `appendfsync always`', () => redisLog({ url: durableRedis.url })],
    ['Redis, in memory', () => redisLog({ url: redis.url })],
  ];
  const found = logs.map((): Measured[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, [, make]] of logs.entries()) found[i]?.push(await measure(make));
  const rows = logs.map(([name], i) => {
    const of = (value: (each: Measured) => number): number => median((found[i] ?? []).map(value));
    const at = (rate: number, share: number): string =>
      of(({ delays: all }) => all[rate]?.[Math.floor((all[rate]?.length ?? 0) * share)] ?? Number.NaN).toFixed(1);
    const ways = RATES.flatMap((_, rate) => [at(rate, 0.5), at(rate, 0.99)]);
    return [name, format(of(({ perSecond }) => perSecond)), of(({ cpuUs }) => cpuUs).toFixed(0), ...ways];
  });
  const head = ['log', 'appends a second', 'CPU an append, us'];
  const ways = RATES.flatMap((rate) => [`p50 at ${format(rate)} a second, ms`, `p99, ms`]);
  const report = `## The Postgres log

${environment()}

Messages of ${BYTES} B in ${THREADS} threads, medians of ${rounds} rounds of ${seconds} s, the logs in turn. The rate has ${IN_FLIGHT} appends in flight on one node. The delay is from \`append\` on
one node to the entry on another one; both are in one process, beside the servers.
1,000 appends on each node come before: the first one on a new connection to PostgreSQL takes 50 ms of CPU. The machine's load was ${loadBefore} before and ${load()} after. With a load above
the number of cores, other programs slow all of them down, and the p99 is theirs. \`npm run bench:postgres\`.

${table([...head, ...ways], rows)}

### Prepared statements

CPU of a call, by turns without and with \`preparedStatements\`, \`fsync=off\`. Under load an append shares its statement with others, and costs the same either way.

${await statements(relaxed, (log, threadId) => append(log, threadId, 'x'))}

### Retention in Postgres

A node with \`maxEntries: 10\` deletes all but 10,000 of a million entries of 200 B, \`fsync=off\`, no autovacuum.

${await retention(relaxed)}
`;
  if (values.out === undefined) process.stdout.write(report);
  else writeSection(values.out, 'postgres', report);
} finally {
  await Promise.all([relaxed, durable, redis, durableRedis].map((server) => server.stop()));
}
process.exit(0);
