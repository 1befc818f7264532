import type { ContenderSpec } from '../contenders.ts';
import { Stage, type Load } from '../stage.ts';
import { note, type Bench, type Series } from './ring.ts';

export interface StalledRow {
  readonly percent: number;
  readonly stalled: number;
  /** Growth of the server's memory in megabytes while the stalled connections were owed `OWED_MB` each. */
  readonly growthMb: Series;
  /** Milliseconds, of the healthy connections: before, and with the stalled ones beside them. */
  readonly p99Without: Series;
  readonly p99With: Series;
}

export interface StalledResult {
  readonly connections: number;
  readonly owedMb: number;
  readonly rows: readonly StalledRow[];
  readonly failures: { name: string; row: string; reason: string }[];
}

const CONNECTIONS = 200;
const MESSAGE_BYTES = 10_000;
const OWED_MB = 16;
const PACE = { perSecond: 50, count: 100 };

/** Messages of 10 KB to 200 connections of which some read nothing. Each contender gets a fresh process for each row. */
export async function measureStalled(bench: Bench): Promise<StalledResult> {
  const result: StalledResult = { connections: CONNECTIONS, owedMb: OWED_MB, rows: [], failures: [] };
  const rows: StalledRow[] = [];
  for (const percent of [1, 10]) {
    const stalled = (CONNECTIONS * percent) / 100;
    const row: StalledRow = { percent, stalled, growthMb: new Map(), p99Without: new Map(), p99With: new Map() };
    rows.push(row);
    for (const spec of bench.contenders) {
      // the one forgets nobody and knows of nobody, the other differs in the envelope only
      if (spec.name === 'handloop' || spec.name === 'threadcast-plain') continue;
      bench.log(`${percent} % stalled: ${spec.title}`);
      try {
        await measureOne(spec, row);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        bench.log(`  failed: ${reason}`);
        result.failures.push({ name: spec.name, row: `${percent} % stalled`, reason });
      }
    }
  }
  return { ...result, rows };
}

async function measureOne(spec: ContenderSpec, row: StalledRow): Promise<void> {
  const stage = await Stage.start(spec);
  try {
    const load = stage.load();
    await load.open(CONNECTIONS, 'main');
    await stage.untilMembers('main', CONNECTIONS);
    const message = { room: 'main', kind: 'text', bytes: MESSAGE_BYTES };
    await stage.ask('slice', { ...message, recipients: CONNECTIONS, perTurn: 1, ms: 500, leastRounds: 20 });
    note(row.p99Without, spec.name, await healthyP99(stage, load, CONNECTIONS));
    await stage.ask('memory');
    await load.ask(`stall ${row.stalled}`);
    const recipients = CONNECTIONS - row.stalled;
    const count = (OWED_MB * 1_000_000) / MESSAGE_BYTES;
    const flood = await stage.ask('flood', { ...message, count, recipients });
    note(row.growthMb, spec.name, flood.number('peakMb'));
    note(row.p99With, spec.name, await healthyP99(stage, load, recipients));
  } finally {
    await stage.stop();
  }
}

async function healthyP99(stage: Stage, load: Load, recipients: number): Promise<number> {
  await load.ask('stamps');
  await stage.ask('paced', { room: 'main', kind: 'text', bytes: MESSAGE_BYTES, ...PACE, recipients });
  return (await load.ask('latency')).number('p99') / 1_000;
}
