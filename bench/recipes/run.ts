/**
 * What a recipe costs the main thread, and what a second worker is worth. `node bench/recipes/run.ts [rounds]`
 *
 * The variants take turns within each round, so that a noisy minute hits them alike; the table has the medians.
 */
import { availableParallelism, cpus } from 'node:os';
import { inWorker } from '../../src/infra/workers/recipe.ts';
import type { Recipe } from '../../src/infra/workers/recipe.ts';
import { RecipePool } from '../../src/infra/workers/recipe-pool.ts';
import report from './report.ts';

interface Sample {
  readonly mainCpuMs: number;
  readonly totalCpuMs: number;
  readonly wallMs: number;
}

interface Variant {
  readonly name: string;
  readonly messages: number;
  readonly work: () => Promise<unknown>;
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1_000;
}

async function measured({ work, messages }: Variant): Promise<Sample> {
  const [main, total, start] = [process.threadCpuUsage(), process.cpuUsage(), performance.now()];
  await work();
  return {
    mainCpuMs: milliseconds(process.threadCpuUsage(main)) / messages,
    totalCpuMs: milliseconds(process.cpuUsage(total)) / messages,
    wallMs: (performance.now() - start) / messages,
  };
}

async function inTurns(variants: readonly Variant[], rounds: number): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(variants.map(({ name }) => [name, []]));
  // The first round starts threads and warms the compilers up.
  for (let round = -1; round < rounds; round++) {
    for (const variant of variants) {
      const sample = await measured(variant);
      if (round >= 0) samples.get(variant.name)?.push(sample);
    }
  }
  return samples;
}

function batch(name: string, pool: RecipePool, recipe: Recipe, messages: number): Variant {
  const one = async () => (await pool.run(recipe)).body.release();
  return { name, messages, work: () => Promise.all(Array.from({ length: messages }, one)) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** How much more two workers do, from neighbours in time. */
function gain(samples: ReadonlyMap<string, readonly Sample[]>, single: string, double: string): number {
  const [one, two] = [samples.get(single) ?? [], samples.get(double) ?? []];
  return median(one.map(({ wallMs }, round) => wallMs / (two[round]?.wallMs ?? Number.NaN)));
}

const rounds = Number(process.argv[2] ?? 15);
const module = new URL('./report.ts', import.meta.url);
const limits = { maxQueue: 100, maxBytes: 2 ** 27, timeoutMs: 120_000 };
const single = new RecipePool({ ...limits, workers: 1 });
const double = new RecipePool({ ...limits, workers: 2 });

/** What a second worker is worth for small and big messages; arithmetic is the most that this machine gives. */
const batches = [
  { what: '10 MB', messages: 8, recipe: inWorker(module, { megabytes: 10 }) },
  { what: '1 MB', messages: 80, recipe: inWorker(module, { megabytes: 1 }) },
  { what: 'arithmetic', messages: 8, recipe: inWorker(module, undefined, { export: 'compute' }) },
];
const pooled = await inTurns(
  [
    batch('10 MB recipe, one at a time', single, inWorker(module, { megabytes: 10 }), 1),
    ...batches.flatMap(({ what, messages, recipe }) => [
      batch(`${what}, ${messages} at once, 1 worker`, single, recipe, messages),
      batch(`${what}, ${messages} at once, 2 workers`, double, recipe, messages),
    ]),
  ],
  rounds,
);
await Promise.all([single.close(), double.close()]);

// By itself and last: the garbage that it leaves on this thread would be counted against the recipes.
const inline = await inTurns(
  [
    {
      name: '10 MB inline: build, JSON.stringify, Buffer.from',
      messages: 1,
      work: () => Promise.resolve(Buffer.from(JSON.stringify(report({ megabytes: 10 })))),
    },
  ],
  rounds,
);

console.log(`Node ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model}, medians of ${rounds} rounds.`);
console.log('Milliseconds for each message:\n');
console.log('| variant | main CPU | total CPU | wall |');
console.log('|---|---:|---:|---:|');
for (const [name, samples] of [...inline, ...pooled]) {
  const cells = (['mainCpuMs', 'totalCpuMs', 'wallMs'] as const).map((key) => median(samples.map((each) => each[key])));
  console.log(`| ${name} | ${cells.map((cell) => cell.toFixed(2)).join(' | ')} |`);
}
console.log('\n| messages | throughput of 2 workers, in that of 1 |');
console.log('|---|---:|');
for (const { what, messages } of batches) {
  const names = [1, 2].map((workers) => `${what}, ${messages} at once, ${workers} worker${workers === 1 ? '' : 's'}`);
  console.log(`| ${what} | ${gain(pooled, names[0] ?? '', names[1] ?? '').toFixed(2)} |`);
}
