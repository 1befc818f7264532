// What stopped and slow clients cost the healthy ones: p99 latency of 196 clients with two stopped and two slow ones beside
// them, over that without, in alternating rounds of one run. `node bench/stalled/run.ts [rounds]`
import { setTimeout as wait } from 'node:timers/promises';
import { Crowd } from '../../test/support/crowd.ts';
import { machineNow } from '../../test/support/machine-now.ts';
import { serveWs } from '../../test/support/ws-server.ts';

const ROUNDS = Number(process.argv[2] ?? 7);
const MESSAGES = 200;
const INTERVAL_MS = 20;
const PAD = 'x'.repeat(10_000);

// a breaker that does not open within a round: the stopped ones stay and are a burden to the end
const server = await serveWs({ hub: { sendTimeoutMs: 1_000, breakerThreshold: 1_000 } });
const healthy = await Crowd.start(server.url, 196);

interface Round {
  readonly p50: number;
  readonly p99: number;
}

async function play(): Promise<Round> {
  for (let i = 0; i < MESSAGES; i++) {
    void server.hub.thread('t').send({ at: machineNow(), pad: PAD });
    await wait(INTERVAL_MS);
  }
  await wait(200);
  const { latencies, outOfOrder } = await healthy.books();
  if (latencies.length !== 196 * MESSAGES || outOfOrder > 0) throw new Error(`lost: ${latencies.length} latencies`);
  return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

async function playWithBadOnes(): Promise<Round> {
  const [slow, stopped] = await Promise.all([Crowd.start(server.url, 2, 500_000), Crowd.start(server.url, 2)]);
  stopped.stop();
  const round = await play();
  await Promise.all([slow.end(), stopped.end()]);
  return round;
}

function quantile(ascending: readonly number[], q: number): number {
  return ascending[Math.floor(ascending.length * q)] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

await play();
const rounds: { without: Round; with: Round }[] = [];
for (let i = 0; i < ROUNDS; i++) rounds.push({ without: await play(), with: await playWithBadOnes() });

const ms = (value: number): string => value.toFixed(2);
console.log('| round | p50 without | p50 with | p99 without | p99 with | p99 ratio |');
console.log('| --- | --- | --- | --- | --- | --- |');
for (const [i, round] of rounds.entries()) {
  const { without: a, with: b } = round;
  console.log(`| ${i + 1} | ${ms(a.p50)} | ${ms(b.p50)} | ${ms(a.p99)} | ${ms(b.p99)} | ${ms(b.p99 / a.p99)} |`);
}
const ratio = median(rounds.map(({ without: a, with: b }) => b.p99 / a.p99));
console.log(`\nmedian ratio of p99, with over without: ${ms(ratio)} (target at most 1.5); milliseconds otherwise`);
await healthy.end();
await server.close();
