import type { ContenderSpec } from '../contenders.ts';
import { mostConnections } from '../machine.ts';
import { Stage, type Load } from '../stage.ts';
import { note, type Bench, type Series } from './ring.ts';

/** What one more connection costs between two numbers of them. */
export interface GrowthRow {
  readonly from: number;
  readonly to: number;
  /** Kilobytes of resident memory per idle connection that has joined a room. */
  readonly rssKb: Series;
  /** Kilobytes of the JavaScript heap, of these. */
  readonly heapKb: Series;
  /** Connected and joined per second. */
  readonly rate: Series;
  /** Microseconds of the server's CPU for connecting and joining. */
  readonly connectUs: Series;
}

export interface GrowthResult {
  readonly most: number;
  /** Microseconds of CPU per delivery of 1 KB to all of them in the end. */
  readonly deliveryUs: Series;
  readonly rows: readonly GrowthRow[];
  readonly failures: readonly { readonly name: string; readonly row: string; readonly reason: string }[];
}

export async function measureGrowth(bench: Bench): Promise<GrowthResult> {
  const most = Math.min(20_000, mostConnections());
  const counts = bench.isQuick ? [1_000, 5_000] : [1_000, 10_000, most];
  const rows = counts.map((to, i) => newRow(counts[i - 1] ?? 0, to));
  const deliveryUs: Series = new Map();
  const failures: { name: string; row: string; reason: string }[] = [];
  for (const spec of bench.contenders) {
    bench.log(`growth to ${counts.at(-1)} connections: ${spec.title}`);
    try {
      note(deliveryUs, spec.name, await growOne(spec, rows));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      bench.log(`  failed: ${reason}`);
      failures.push({ name: spec.name, row: 'growth', reason });
    }
  }
  return { most: counts.at(-1) ?? 0, deliveryUs, rows, failures };
}

async function growOne(spec: ContenderSpec, rows: readonly GrowthRow[]): Promise<number> {
  const stage = await Stage.start(spec);
  try {
    const load = stage.load();
    for (const row of rows) await growTo(stage, load, row);
    // only now: what a delivery leaves behind would hide what the next connections take
    const message = { room: 'main', kind: 'text', bytes: 1_000, perTurn: 1, recipients: rows.at(-1)?.to };
    // the first one warms up
    await stage.ask('slice', { ...message, ms: 300, leastRounds: 3 });
    const slice = await stage.ask('slice', { ...message, ms: 500, leastRounds: 3 });
    return slice.number('cpuUs') / slice.number('deliveries');
  } finally {
    await stage.stop();
  }
}

async function growTo(stage: Stage, load: Load, row: GrowthRow): Promise<void> {
  const { name } = stage.spec;
  const added = row.to - row.from;
  const memory = await stage.ask('memory');
  const cpu = await stage.ask('usage');
  const start = performance.now();
  await load.open(added, 'main');
  await stage.untilMembers('main', row.to);
  const wallMs = performance.now() - start;
  note(row.rate, name, (added * 1_000) / wallMs);
  note(row.connectUs, name, ((await stage.ask('usage')).number('cpuUs') - cpu.number('cpuUs')) / added);
  const after = await stage.ask('memory');
  note(row.rssKb, name, (after.number('rss') - memory.number('rss')) / added / 1_000);
  note(row.heapKb, name, (after.number('heapUsed') - memory.number('heapUsed')) / added / 1_000);
}

function newRow(from: number, to: number): GrowthRow {
  const series = (): Series => new Map();
  return { from, to, rssKb: series(), heapKb: series(), rate: series(), connectUs: series() };
}
