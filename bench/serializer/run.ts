/**
 * Serializer benchmark: `node bench/serializer/run.ts [--quick] [--shape records] [--out docs/benchmarks.md]`.
 *
 * Side by side in one run, alternating: JSON.stringify inline, a plain piscina pool, and threadcast. `--shape`, any number of
 * times, measures only these. Only a full run is written into the document.
 */
import { parseArgs } from 'node:util';
import { writeSection } from '../document.ts';
import { isProvablySmall } from '../../src/infra/serialization/slicer/slicer.ts';
import { inline, PlainPiscina, Threadcast, type Contender } from './contenders.ts';
import { measure, measureBehind, measureNoise, measureSmall, type Run } from './measure.ts';
import { makePayload, shapes, type Shape } from './payloads.ts';
import { renderReport, type BehindResult, type Cell, type SmallResult } from './report.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    shape: { type: 'string', multiple: true, default: [] },
    out: { type: 'string' },
  },
});
for (const name of flags.shape) {
  if (!shapes.some((shape) => shape === name)) throw new RangeError(`--shape ${name}: one of ${shapes.join(', ')}`);
}
const chosen = shapes.filter((shape) => flags.shape.length === 0 || flags.shape.includes(shape));

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
for (const shape of chosen) {
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
// what was measured in part or in haste is not for the document
if (flags.out === undefined || flags.quick || flags.shape.length > 0) console.log(report);
else writeSection(flags.out, 'serializer', report);

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
      // A clone of 10 MB and more takes up to seconds: fewer runs of it, or the whole would take a quarter of an hour.
      if (contender === piscina && run > piscinaRuns(bytes * atOnce)) continue;
      const result = await measure(contender, value, atOnce);
      if (run > 0) results.get(contender.name)?.push(result);
    }
  }
  return { shape, size, atOnce, results };
}

function piscinaRuns(bytes: number): number {
  if (bytes < 1e7) return Infinity;
  return bytes < 1e8 ? 3 : 1;
}

async function measureAllBehind(): Promise<BehindResult[]> {
  const results: BehindResult[] = [];
  for (const shape of flags.quick ? chosen.slice(0, 1) : chosen) {
    console.error(`${shape}, 100 KB behind 20 x 10 MB`);
    const big = makePayload(shape, 1e7);
    const little = makePayload(shape, 1e5);
    for (const turnsBetween of [0, 5]) {
      const latencies = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
      for (let run = 0; run < (flags.quick ? 1 : 5); run++) {
        for (const contender of contenders) {
          if (contender === piscina && run > 0) continue;
          latencies.get(contender.name)?.push(await measureBehind(contender, big, little, turnsBetween));
        }
      }
      results.push({ shape, turnsBetween, latencies });
    }
  }
  return results;
}

function measureAllSmall(): SmallResult[] {
  return chosen.flatMap((shape) =>
    [200, 900].map((bytes) => {
      const value = makePayload(shape, bytes);
      const runs = Array.from({ length: 15 }, () => measureSmall(value, (message) => isProvablySmall(message)));
      return { shape, bytes: JSON.stringify(value).length, runs: runs.slice(4) };
    }),
  );
}
