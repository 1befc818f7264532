import { note, Ring, type Bench, type Series } from './ring.ts';

export interface LatencyRow {
  readonly connections: number;
  readonly perSecond: number;
  /** Milliseconds from the publisher's call to the client's read. */
  readonly p50: Series;
  readonly p99: Series;
  readonly p999: Series;
}

export interface LatencyResult {
  readonly rows: readonly LatencyRow[];
  readonly failures: Ring['failures'];
}

/** Messages of 1 KB at a fixed rate, that of about a quarter of a core for a loop of `send`. */
const loads = [
  { connections: 1_000, perSecond: 25, seconds: 1 },
  { connections: 10_000, perSecond: 2.5, seconds: 2 },
];

export async function measureLatency(bench: Bench): Promise<LatencyResult> {
  const rows: LatencyRow[] = [];
  const failures: Ring['failures'] = [];
  for (const load of loads) {
    const ring = new Ring(bench);
    try {
      for (const spec of bench.contenders) {
        if (spec.name !== 'threadcast-plain') await ring.add(spec, load.connections);
      }
      rows.push(await measureRow(bench, ring, load));
    } finally {
      await ring.end();
      failures.push(...ring.failures);
    }
  }
  return { rows, failures };
}

async function measureRow(
  bench: Bench,
  ring: Ring,
  { connections, perSecond, seconds }: (typeof loads)[number],
): Promise<LatencyRow> {
  const result: LatencyRow = { connections, perSecond, p50: new Map(), p99: new Map(), p999: new Map() };
  const name = `latency, ${connections} connections, ${perSecond} a second`;
  const message = { room: 'main', kind: 'text', bytes: 1_000, recipients: connections };
  bench.log(name);
  for (let round = 0; round <= 3; round++) {
    await ring.round(name, async ({ name, stage, load }) => {
      if (round === 0) {
        await stage.ask('slice', { ...message, perTurn: 1, ms: 300, leastRounds: 1 });
        return;
      }
      await load.ask('stamps');
      await stage.ask('paced', { ...message, perSecond, count: Math.ceil(perSecond * seconds) });
      const answer = await load.ask('latency');
      for (const quantile of ['p50', 'p99', 'p999'] as const) {
        note(result[quantile], name, answer.number(quantile) / 1_000);
      }
    });
  }
  return result;
}
