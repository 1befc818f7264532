/**
 * What telemetry costs a fan-out, side by side in one run: `node bench/telemetry/run.ts [--rounds 25] [--out docs/benchmarks.md]`.
 */
import { parseArgs } from 'node:util';
import { environment, table, writeSection } from '../document.ts';
import type { Processor, Setup } from './contender.ts';
import { Contender, SpanCounter } from './stage.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '25' }, out: { type: 'string' } },
});
const ROUNDS = Number(flags.rounds);
const CLIENTS = 250;
const MESSAGES = 300;
const GENERATIONS = 5;
const WARM_UP = 2;
/** Of the receiver, while it takes a burst. */
const ANSWER_MS = 100;
/** As `docs/observability.md` recommends for a span of every delivery. */
const DOCUMENTED: Processor = { maxQueueSize: 32_768, maxExportBatchSize: 2_048 };
/** What OpenTelemetry's batch processor has by itself. */
const DEFAULT: Processor = { maxQueueSize: 2_048, maxExportBatchSize: 512 };

const spans = new SpanCounter();
const collector = await spans.start();

interface Row {
  readonly name: string;
  readonly usPerDelivery: number;
  /** Over bare: of each generation. */
  readonly ratios: readonly number[];
}

type Costs = ReadonlyMap<string, number>;

/** All contenders anew, in turn for so many rounds: the cost of a delivery for each, in microseconds. */
async function compare(rounds: number): Promise<Costs> {
  const start = (name: string, sdk: Setup['sdk']): Promise<Contender> =>
    Contender.start(name, { sdk, collector, maxSendSpans: 256 }, CLIENTS);
  const contenders = [
    await start('bare', 'bare'),
    await start('bare, again', 'bare'),
    await start('no SDK', undefined),
    await start('SDK, 1 % sampled', { ratio: 0.01, processor: DOCUMENTED }),
    await start('SDK, 100 % sampled', { ratio: 1, processor: DOCUMENTED }),
  ];
  const costs = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -WARM_UP; round < rounds; round++) {
    // another one begins each time: whoever follows the costliest is not always the same
    for (const contender of [...contenders.slice(Math.abs(round) % 5), ...contenders.slice(0, Math.abs(round) % 5)]) {
      const { cpuMs, deliveries } = await contender.play({ messages: MESSAGES, atOnce: false, flush: true });
      if (deliveries !== CLIENTS * MESSAGES) throw new Error(`${contender.name}: ${deliveries} deliveries`);
      if (round >= 0) costs.get(contender.name)?.push((cpuMs * 1_000) / deliveries);
    }
  }
  for (const contender of contenders) await contender.end();
  return new Map([...costs].map(([name, each]) => [name, quantile(each, 0.5)]));
}

/** The memory of a process lies differently each time, which is worth some percent: so several of them for each contender. */
async function compareGenerations(): Promise<readonly Row[]> {
  const generations: Costs[] = [];
  for (let i = 0; i < GENERATIONS; i++) {
    console.error(`generation ${i + 1} of ${GENERATIONS}`);
    generations.push(await compare(Math.ceil(ROUNDS / GENERATIONS)));
  }
  const names = [...(generations[0]?.keys() ?? [])];
  return names.map((name) => {
    const costs = generations.map((generation) => generation.get(name) ?? Number.NaN);
    const bare = generations.map((all) => ((all.get('bare') ?? 0) + (all.get('bare, again') ?? 0)) / 2);
    return {
      name,
      usPerDelivery: quantile(costs, 0.5),
      ratios: costs.map((cost, i) => cost / (bare[i] ?? Number.NaN)).toSorted((x, y) => x - y),
    };
  });
}

interface Burst {
  readonly processor: Processor;
  readonly deliveries: number;
  readonly received: number;
}

/** 1,000 connections, ten messages at once, and a span of every delivery. */
async function burst(processor: Processor): Promise<Burst> {
  spans.counts.clear();
  const setup = { sdk: { ratio: 1, processor }, collector, maxSendSpans: 10_000 };
  const contender = await Contender.start('burst', setup, 1_000);
  const { deliveries } = await contender.play({ messages: 10, atOnce: true, flush: true });
  await contender.end();
  return { processor, deliveries, received: spans.counts.get('send connection') ?? 0 };
}

function quantile(values: readonly number[], q: number): number {
  const ascending = values.toSorted((a, b) => a - b);
  return ascending[Math.floor(ascending.length * q)] ?? Number.NaN;
}

function report(rows: readonly Row[], bursts: readonly Burst[]): string {
  const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(1)} %`;
  const targets: Record<string, string> = {
    'no SDK': '2 %',
    'SDK, 1 % sampled': '5 %',
    'SDK, 100 % sampled': 'figures',
  };
  const contenders = rows.map(({ name, usPerDelivery, ratios }) => [
    name,
    usPerDelivery.toFixed(2),
    percent(quantile(ratios, 0.5)),
    `${percent(quantile(ratios, 0))} to ${percent(ratios.at(-1) ?? Number.NaN)}`,
    targets[name] ?? '',
  ]);
  const losses = bursts.map(({ processor, deliveries, received }) => [
    `${Object.values(processor).join(', ')} (${processor === DEFAULT ? 'its defaults' : 'as documented'})`,
    String(deliveries),
    String(received),
    String(deliveries - received),
  ]);
  return `## Telemetry

${environment()}

CPU of the server's process for each delivery: ${CLIENTS} real connections, rounds of ${MESSAGES} small messages, the contenders in turn, ${GENERATIONS} times with new processes (the memory of a process lies differently each time, which is worth some percent). Of each process the median of its rounds counts; the table has the medians over the processes, and their range. "Bare" is the same library with every call to OpenTelemetry taken out; "bare, again" is the same once more, and shows the noise; the others are compared with the mean of both. "SDK" is the tracer with a batch processor and OTLP over HTTP to a receiver on loopback, and metrics that are collected each second; the CPU of its exports within the round is included. At most 256 spans for each message (\`maxSendSpans\`), as by default.

${table(['contender', 'us for each delivery', 'over bare', 'range', 'at most'], contenders)}

A burst of ten messages to 1,000 connections at once, sampled at 100 %, with a span of every delivery (\`maxSendSpans: 10_000\`), to a receiver that answers after ${ANSWER_MS} ms:

${table(['maxQueueSize, maxExportBatchSize', 'deliveries', 'spans received', 'lost'], losses)}`;
}

const rows = await compareGenerations();
spans.answerMs = ANSWER_MS;
const bursts = [await burst(DOCUMENTED), await burst(DEFAULT)];
spans.close();
const text = report(rows, bursts);
if (flags.out === undefined) console.log(text);
else writeSection(flags.out, 'telemetry', text);
