import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { readFileSync, writeFileSync } from 'node:fs';
import { RedisServer } from '../../test/support/redis-server.ts';
import type { Received } from './clients/receiver.ts';
import { measureLog, type LogRates } from './log-rates.ts';
import type { Published } from './work.ts';

// npm run bench:redis [-- --seconds 20] [--threads 1000,100000] [--out docs/benchmarks.md]

const RATE = 1_000;
const CONNECTIONS = 100;
const WANTED_P99_MS = 10;
const START = '<!-- redis:start -->';
const END = '<!-- redis:end -->';

const CONTENDERS = [
  { name: 'threadcast', server: 'servers/threadcast.ts', client: 'clients/threadcast.ts' },
  { name: 'socket.io, redis-streams-adapter', server: 'servers/socketio.js', client: 'clients/socketio.js' },
];

interface Row extends Received {
  readonly name: string;
  readonly threads: number;
  readonly failed: number;
  readonly joinMs: number;
  /** Of one core. */
  readonly redisCpu: number;
  readonly publisherCpu: number;
}

const seconds = Number(flag('seconds', '20'));
const threadCounts = flag('threads', '1000,100000').split(',').map(Number);
const rates = await withRedis(({ url }) => measureLog(url));
const rows: Row[] = [];
for (const threads of threadCounts) for (const contender of CONTENDERS) rows.push(await measure(contender, threads));
const report = render(rates, rows);
process.stdout.write(`${report}\n`);
const out = flag('out', '');
if (out !== '') replaceSection(out, report);

/** Clients are on one node, everything is published on the other: each message goes through Redis. */
function measure(contender: (typeof CONTENDERS)[number], threads: number): Promise<Row> {
  return withRedis(async (redis) => {
    const [here, there] = [start(contender.server, redis.url), start(contender.server, redis.url)];
    const client = start(contender.client, redis.url);
    await answer(here);
    const { port } = await answer<{ port: number }>(there);
    const begin = performance.now();
    await ask(client, { port, connections: CONNECTIONS, threads });
    const joinMs = performance.now() - begin;
    // what is started up by the first messages is not what is measured
    await ask(here, { rate: RATE, seconds: 3, threads });
    await pause(1_000);
    await ask(client, {});
    const cpu = await redisCpu(redis);
    const published = await ask<Published>(here, { rate: RATE, seconds, threads });
    const redisShare = (await redisCpu(redis)) - cpu;
    await pause(1_000);
    const received = await ask<Received>(client, {});
    for (const process of [here, there, client]) process.disconnect();
    return {
      ...received,
      name: contender.name,
      threads,
      failed: published.failed + published.sent - received.count,
      joinMs,
      redisCpu: redisShare / seconds,
      publisherCpu: published.cpuMs / 1_000 / seconds,
    };
  });
}

function start(file: string, redisUrl: string): ChildProcess {
  return fork(new URL(file, import.meta.url), { env: { ...process.env, REDIS_URL: redisUrl } });
}

async function answer<T>(process: ChildProcess): Promise<T> {
  const [message]: T[] = await once(process, 'message');
  if (message === undefined) throw new Error('no answer');
  return message;
}

async function ask<T>(process: ChildProcess, order: object): Promise<T> {
  const answered = answer<T>(process);
  process.send(order);
  return answered;
}

/** Seconds that Redis has worked. */
async function redisCpu(redis: RedisServer): Promise<number> {
  const info = String(await redis.run(['INFO', 'cpu']));
  const of = (field: string): number => Number(new RegExp(`${field}:([\\d.]+)`).exec(info)?.[1]);
  return of('used_cpu_sys') + of('used_cpu_user');
}

async function withRedis<T>(use: (redis: RedisServer) => Promise<T>): Promise<T> {
  const redis = await RedisServer.start();
  try {
    return await use(redis);
  } finally {
    await redis.stop();
  }
}

function render({ appendsPerSecond, appendsOneThread, recoveriesPerSecond }: LogRates, rows: readonly Row[]): string {
  const ms = (value: number): string => value.toFixed(1);
  const share = (value: number): string => `${(100 * value).toFixed(0)} %`;
  const table = rows.map(
    (row) =>
      `| ${row.threads.toLocaleString('en')} | ${row.name} | ${ms(row.p50)} | ${ms(row.p99)} | ${ms(row.p999)} | ${row.failed} | ${share(row.redisCpu)} | ${share(row.publisherCpu)} | ${(row.joinMs / 1_000).toFixed(1)} s |`,
  );
  const targets = rows
    .filter(({ name }) => name === 'threadcast')
    .map(
      ({ threads, p99 }) =>
        `- p99 over two nodes, ${RATE} messages a second, ${threads.toLocaleString('en')} threads: ${ms(p99)} ms, wanted at most ${WANTED_P99_MS} ms: ${p99 <= WANTED_P99_MS ? 'met' : '**missed**'}`,
    );
  return [
    START,
    '## The Redis log',
    `Two nodes, the clients, the publisher and Redis 7 on one machine (${cpus().length} cores, ${cpus()[0]?.model ?? ''}; Node ${process.version}), loopback, Redis without persistence. ${RATE} messages of 200 bytes a second are published on one node, each to a random thread, and read by ${CONNECTIONS} connections of the other one, which share the threads. Latency counts from when a message was due.`,
    '| threads | | p50 ms | p99 ms | p99.9 ms | not received | Redis, of a core | publishing node, of a core | joining all |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n' +
      table.join('\n'),
    `One node's log without sockets: ${Math.round(appendsPerSecond).toLocaleString('en')} appends a second in 1,000 threads, ${Math.round(appendsOneThread).toLocaleString('en')} in a single one; ${Math.round(recoveriesPerSecond).toLocaleString('en')} recoveries a second (a thread opened and 50 missed messages read).`,
    targets.join('\n'),
    END,
  ].join('\n\n');
}

function replaceSection(path: string, report: string): void {
  const old = readFileSync(path, 'utf8');
  const [from, to] = [old.indexOf(START), old.indexOf(END)];
  const isThere = from >= 0 && to > from;
  writeFileSync(
    path,
    isThere ? old.slice(0, from) + report + old.slice(to + END.length) : `${old.trimEnd()}\n\n${report}\n`,
  );
}

function flag(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
