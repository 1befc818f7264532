import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { RedisServer } from '../../test/support/redis-server.ts';
import type { Received } from './clients/receiver.ts';
import { measureLog } from './log-rates.ts';
import { medianRow, render, type Row } from './report.ts';
import type { Usage } from './usage.ts';
import type { Published } from './work.ts';

// npm run bench:redis [-- --rounds 3] [-- --seconds 10] [--threads 1000,100000] [--log no] [--only threadcast] [--out docs/benchmarks.md]

const RATE = 1_000;
const CONNECTIONS = 100;
const NOTHING = { rate: 0, seconds: 0, threads: 0 };
const START = '<!-- redis:start -->';
const END = '<!-- redis:end -->';

const ALL = [
  { name: 'threadcast', server: 'servers/threadcast.ts', client: 'clients/threadcast.ts' },
  { name: 'socket.io, redis-streams-adapter', server: 'servers/socketio.js', client: 'clients/socketio.ts' },
];

const CONTENDERS = ALL.filter(({ name }) => name.includes(flag('only', '')));
const seconds = Number(flag('seconds', '10'));
const rounds = Number(flag('rounds', '3'));
const threadCounts = flag('threads', '1000,100000').split(',').map(Number);
const rates = flag('log', 'yes') === 'yes' ? await withRedis(({ url }) => measureLog(url)) : undefined;
const rows: Row[] = [];
for (const threads of threadCounts) {
  // in turns: what else the machine does, it does to both
  const measured: Row[] = [];
  for (let round = 0; round < rounds; round++)
    for (const contender of CONTENDERS) measured.push(await measure(contender, threads));
  for (const { name } of CONTENDERS) rows.push(medianRow(measured.filter((row) => row.name === name)));
}
const setting = { rate: RATE, connections: CONNECTIONS, rounds, seconds };
const report = [START, render(rates, rows, setting), END].join('\n\n');
process.stdout.write(`${report}\n`);
const out = flag('out', '');
if (out !== '') replaceSection(out, report);

/** Clients are on one node, everything is published on the other: each message goes through Redis. */
function measure(contender: (typeof ALL)[number], threads: number): Promise<Row> {
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
    await Promise.all([ask(client, {}), ask(there, NOTHING), ask(here, NOTHING)]);
    const cpu = await redisCpu(redis);
    const published = await ask<Published>(here, { rate: RATE, seconds, threads });
    const redisShare = (await redisCpu(redis)) - cpu;
    const receiver = await ask<Usage>(there, NOTHING);
    await pause(1_000);
    const received = await ask<Received>(client, {});
    for (const process of [here, there, client]) process.disconnect();
    const share = ({ cpuMs }: Usage): number => cpuMs / 1_000 / seconds;
    return {
      ...received,
      name: contender.name,
      threads,
      failed: published.failed + published.sent - received.count,
      joinMs,
      redisCpu: redisShare / seconds,
      publisherCpu: share(published),
      receiverCpu: share(receiver),
      clientCpu: share(received),
      publisherGcMs: published.longestGcMs,
      receiverGcMs: receiver.longestGcMs,
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
