/**
 * The relay beside a single process: `npm run bench:relay -- [--rounds 5] [--out docs/benchmarks.md]` on a built package. It is counted in CPU
 * time of each process, in paired rounds, so that a busy machine spoils the deliveries a second only.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median, writeSection } from '../document.ts';
import { render, type Measured, type Pair } from './report.ts';
import { Stage, type Run } from './stage.ts';
import type { ThreadBytes } from './threads.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, out: { type: 'string' } } });
const rounds = Number(values.rounds);

/** What is warmed up is compiled. */
const WARM = { messages: 2_000, inFlight: 64 };

async function play(workers: number, members: number, order: Parameters<Stage['run']>[0]): Promise<Run> {
  const stage = await Stage.start(workers, members);
  try {
    await stage.run(WARM, members);
    return await stage.run(order, members);
  } finally {
    await stage.stop();
  }
}

/** A single process and two workers, one after the other. @param ofSingle its members; as many as both workers have, unless it is said */
async function pairs(
  members: number,
  order: Parameters<Stage['run']>[0],
  ofSingle: number = 2 * members,
): Promise<Pair[]> {
  const found: Pair[] = [];
  for (let n = 0; n < rounds; n++) {
    const single = await play(0, ofSingle, order);
    const workers = await play(2, members, order);
    found.push({ members, single, workers });
    console.log(
      members,
      'members of each worker: primary',
      Math.round((workers.primary?.cpuUs ?? 0) / order.messages),
      'us',
    );
  }
  return found;
}

async function bareUs(): Promise<number> {
  const path = join(tmpdir(), `threadcast-bare-${process.pid}.sock`);
  const child = fork(new URL('./bare.ts', import.meta.url), [path, '3000', '1000']);
  const [us]: number[] = await once(child, 'message');
  return us ?? NaN;
}

async function threadBytes(): Promise<ThreadBytes> {
  const child = fork(new URL('./threads.ts', import.meta.url), { execArgv: ['--expose-gc'] });
  const [found]: ThreadBytes[] = await once(child, 'message');
  return found ?? { joined: NaN, quiet: NaN };
}

const load = loadavg()[0] ?? 0;
const CALM = { messages: 300, rate: 100 };
const deliveries = await pairs(200, CALM, 200);
const spread = await pairs(200, CALM);
const full: Pair[] = [];
for (const members of [1, 20, 200]) full.push(...(await pairs(members, { messages: 4_000, inFlight: 64 })));
const saturated = await pairs(200, { messages: 1_500, inFlight: 8 });
const trickle: { readonly us: number; readonly bareUs: number }[] = [];
for (let n = 0; n < rounds; n++) {
  const { primary } = await play(2, 1, { messages: 3_000, rate: 1_000 });
  trickle.push({ us: (primary?.cpuUs ?? NaN) / 3_000, bareUs: await bareUs() });
}
const edge = [];
for (const members of [1, 1_000]) edge.push({ members, run: await play(1, members, { messages: 200, rate: 50 }) });

const measured: Measured = {
  rounds,
  load: median([load, loadavg()[0] ?? 0]),
  deliveries,
  spread,
  full,
  saturated,
  trickle,
  edge,
  threads: await threadBytes(),
};
const report = render(measured);
if (values.out === undefined) console.log(report);
else writeSection(values.out, 'relay', report);
