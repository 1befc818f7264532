import { layerSpecs } from '../contenders.ts';
import { note, Ring, type Bench, type Series } from './ring.ts';

export interface LayersRow {
  readonly perTurn: number;
  /** Microseconds of CPU per delivery. */
  readonly cpu: Series;
}

export interface LayersResult {
  readonly connections: number;
  readonly rows: readonly LayersRow[];
  readonly failures: Ring['failures'];
}

const CONNECTIONS = 1_000;

/** Messages of 1 KB through more and more of threadcast. */
export async function measureLayers(bench: Bench): Promise<LayersResult> {
  const ring = new Ring(bench);
  const rows: LayersRow[] = [];
  const layers = bench.contenders.filter(({ name }) => ['handloop', 'threadcast', 'threadcast-plain'].includes(name));
  try {
    for (const spec of [...layers, ...layerSpecs]) await ring.add(spec, CONNECTIONS);
    for (const perTurn of [1, 4, 16]) {
      bench.log(`layers, ${perTurn} per turn`);
      rows.push(await measureRow(bench, ring, perTurn));
    }
  } finally {
    await ring.end();
  }
  return { connections: CONNECTIONS, rows, failures: ring.failures };
}

async function measureRow(bench: Bench, ring: Ring, perTurn: number): Promise<LayersRow> {
  const row: LayersRow = { perTurn, cpu: new Map() };
  const slice = { room: 'main', kind: 'text', bytes: 1_000, perTurn, recipients: CONNECTIONS, leastRounds: 1 };
  for (let round = 0; round <= 7; round++) {
    await ring.round(`layers, ${perTurn} per turn`, async ({ name, stage }) => {
      const isDeaf = name === 'layer-discard';
      const answer = await stage.ask('slice', { ...slice, ms: bench.isQuick ? 60 : 150, isDeaf });
      if (round > 0) note(row.cpu, name, answer.number('cpuUs') / answer.number('deliveries'));
    });
  }
  return row;
}
