// Appends a second, and the way of a message to another node, of the Postgres log beside the Redis log: `node bench/postgres/run.ts`.
// The servers are started on loopback. Redis does not wait for the disk; Postgres is measured without and with that.
import { makeBody, type DeliveryLog } from '../../src/index.ts';
import { postgresLog } from '../../src/postgres/index.ts';
import { redisLog } from '../../src/redis/index.ts';
import { PostgresServer } from '../../test/support/postgres-server.ts';
import { RedisServer } from '../../test/support/redis-server.ts';

const BYTES = 200;
const THREADS = 100;
const SECONDS = 5;
/** Appends in flight, for the rate; messages a second, for the delay. */
const IN_FLIGHT = 256;
const PER_SECOND = 100;

let ids = 0;

const append = (log: DeliveryLog, threadId: string, text: string) => {
  const body = makeBody([Buffer.from(JSON.stringify(text.padEnd(BYTES)))]);
  return log.append({ threadId, id: `m${++ids}`, lane: 'normal', body, expiresAt: Infinity });
};

async function appendsPerSecond(log: DeliveryLog): Promise<number> {
  const until = performance.now() + SECONDS * 1_000;
  let done = 0;
  const sender = async (n: number): Promise<void> => {
    for (; performance.now() < until; done++) await append(log, `rate-${n % THREADS}`, 'x');
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => sender(n)));
  return Math.round(done / SECONDS);
}

async function delays(here: DeliveryLog, there: DeliveryLog): Promise<number[]> {
  const found: number[] = [];
  for (let n = 0; n < THREADS; n++)
    await there.subscribe(`delay-${n}`, ({ body }) => {
      const sentAt = Number(JSON.parse(Buffer.concat(body.chunks).toString()));
      found.push(performance.now() - sentAt);
    });
  const sent: unknown[] = [];
  const total = PER_SECOND * SECONDS;
  for (let n = 0; n < total; n++) {
    sent.push(append(here, `delay-${n % THREADS}`, String(performance.now())));
    await new Promise((resolve) => void setTimeout(resolve, 1_000 / PER_SECOND));
  }
  await Promise.all(sent);
  while (found.length < total) await new Promise((resolve) => void setTimeout(resolve, 10));
  return found.toSorted((a, b) => a - b);
}

async function measure(name: string, make: () => DeliveryLog): Promise<void> {
  const [here, there] = [make(), make()];
  await Promise.all([here.position('t'), there.position('t')]);
  const found = await delays(here, there);
  const rate = await appendsPerSecond(here);
  const at = (share: number): string => (found[Math.floor(found.length * share)] ?? Number.NaN).toFixed(1);
  process.stdout.write(`| ${name} | ${rate} | ${at(0.5)} | ${at(0.99)} |\n`);
  await Promise.all([here.close(), there.close()]);
}

const postgres = await PostgresServer.start();
const durable = await PostgresServer.start(['fsync=on']);
const redis = await RedisServer.start();
try {
  const schema = await postgres.schema();
  process.stdout.write('| log | appends a second | p50 over two nodes, ms | p99, ms |\n| --- | --- | --- | --- |\n');
  await measure('Postgres', () => postgresLog({ url: postgres.url, schema }));
  const written = await durable.schema();
  await measure('Postgres, written to disk', () => postgresLog({ url: durable.url, schema: written }));
  await measure('Redis', () => redisLog({ url: redis.url }));
} finally {
  await Promise.all([postgres.stop(), durable.stop(), redis.stop()]);
}
