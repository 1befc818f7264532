/**
 * Serializer benchmark: `node bench/serializer/run.ts [--quick] [--out docs/benchmarks.md]`.
 *
 * Side by side in one run, alternating: JSON.stringify inline, a plain piscina pool, and threadcast.
 */
import { parseArgs } from 'node:util';
import { isProvablySmall } from '../../src/infra/slicer/slicer.ts';
import { inline, PlainPiscina, Threadcast, type Contender } from './contenders.ts';
import { measure, measureBehind, measureNoise, measureSmall, type Run } from './measure.ts';
import { makePayload, shapes, type Shape } from './payloads.ts';
import { renderReport, writeReport, type BehindResult, type Cell, type SmallResult } from './report.ts';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, out: { type: 'string' } },
});

const sizes = [
  { name: '10 KB', bytes: 1e4, runs: 15 },
  { name: '100 KB', bytes: 1e5, runs: 15 },
  { name: '1 MB', bytes: 1e6, runs: 9 },
  { name: '10 MB', bytes: 1e7, runs: 7 },
  { name: '50 MB', bytes: 5e7, runs: 10 },
];
/** Several at once: up to 10 MB, because twenty clones of 50 MB do not fit into memory. */
const crowds = [5, 20];
const crowdSizes = sizes.slice(1, 4);

const piscina = new PlainPiscina();
const threadcast = new Threadcast();
const contenders: readonly Contender[] = [inline, piscina, threadcast];

const cells: Cell[] = [];
const noise: number[] = [];
for (const shape of flags.quick ? shapes.slice(0, 3) : shapes) {
  for (const size of sizes) {
    noise.push(await measureNoise());
    const value = makePayload(shape, size.bytes);
    cells.push(await measureCell(shape, size, value, 1, flags.quick ? 2 : size.runs));
    if (!crowdSizes.includes(size)) continue;
    for (const atOnce of flags.quick ? [] : crowds) {
      cells.push(await measureCell(shape, size, value, atOnce, 3));
    }
  }
}
const behind = await measureAllBehind();
const small = measureAllSmall();
noise.push(await measureNoise());
await piscina.close();

const report = renderReport({ cells, behind, small, noise, isQuick: flags.quick });
if (flags.out === undefined) console.log(report);
else writeReport(flags.out, report);

async function measureCell(
  shape: Shape,
  { name: size, bytes }: { name: string; bytes: number },
  value: unknown,
  atOnce: number,
  runs: number,
): Promise<Cell> {
  console.error(`${shape}, ${size}, ${atOnce} at once`);
  const results = new Map<string, Run[]>(contenders.map(({ name }) => [name, []]));
  // The first round warms up: workers start, code is compiled, the pool gets its segments.
  for (let run = 0; run <= runs; run++) {
    for (const contender of contenders) {
      // A clone of 10 MB and more takes seconds: fewer runs of it.
      if (contender === piscina && bytes >= 1e7 && run > 3) continue;
      const result = await measure(contender, value, atOnce);
      if (run > 0) results.get(contender.name)?.push(result);
    }
  }
  return { shape, size, atOnce, results };
}

async function measureAllBehind(): Promise<BehindResult[]> {
  const results: BehindResult[] = [];
  for (const shape of flags.quick ? shapes.slice(0, 1) : shapes) {
    console.error(`${shape}, 100 KB behind 20 x 10 MB`);
    const big = makePayload(shape, 1e7);
    const little = makePayload(shape, 1e5);
    for (const turnsBetween of [0, 5]) {
      const latencies = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
      for (let run = 0; run < (flags.quick ? 1 : 5); run++) {
        for (const contender of contenders) {
          if (contender === piscina && run >= 2) continue;
          latencies.get(contender.name)?.push(await measureBehind(contender, big, little, turnsBetween));
        }
      }
      results.push({ shape, turnsBetween, latencies });
    }
  }
  return results;
}

function measureAllSmall(): SmallResult[] {
  return shapes.flatMap((shape) =>
    [200, 900].map((bytes) => {
      const value = makePayload(shape, bytes);
      const runs = Array.from({ length: 15 }, () => measureSmall(value, (message) => isProvablySmall(message)));
      return { shape, bytes: JSON.stringify(value).length, runs: runs.slice(4) };
    }),
  );
}
