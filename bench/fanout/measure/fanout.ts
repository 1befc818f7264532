import { note, Ring, type Bench, type Series } from './ring.ts';

/** One size and number of messages per turn. */
export interface FanoutRow {
  readonly size: string;
  readonly perTurn: number;
  /** Microseconds of the server's CPU per delivery. */
  readonly cpu: Series;
  /** Deliveries per second. */
  readonly rate: Series;
  /** The longest turn of the event loop, in milliseconds. */
  readonly longest: Series;
}

export interface FanoutResult {
  readonly connections: number;
  readonly rows: readonly FanoutRow[];
  /** How long the load client was busy, of the server's CPU. */
  readonly loadShare: Series;
  /** The longest turn of a loop that works for 2 ms a turn, once for each row. */
  readonly noise: readonly number[];
  readonly failures: Ring['failures'];
}

const sizes = [
  { name: '100 B', bytes: 100 },
  { name: '1 KB', bytes: 1_000 },
  { name: '16 KB', bytes: 16_000 },
];

/** Rounds of 1, 4 and 16 messages in a turn, each sent when the round before has arrived everywhere. */
export async function measureFanout(bench: Bench, connections: number): Promise<FanoutResult> {
  const ring = new Ring(bench);
  const rows: FanoutRow[] = [];
  const loadShare: Series = new Map();
  const noise: number[] = [];
  try {
    for (const spec of bench.contenders) {
      // on the wire what naive sends: with ten thousand connections that has nothing to add
      if (spec.name !== 'threadcast-plain' || connections <= 1_000) await ring.add(spec, connections);
    }
    for (const size of sizes) {
      for (const perTurn of [1, 4, 16]) {
        bench.log(`${connections} connections, ${size.name}, ${perTurn} per turn`);
        rows.push(await measureRow(bench, ring, { connections, size, perTurn, loadShare }));
        const quiet = await ring.players[0]?.stage.ask('noise', { ms: 200 });
        if (quiet !== undefined) noise.push(quiet.number('longestMs'));
      }
    }
  } finally {
    await ring.end();
  }
  return { connections, rows, loadShare, noise, failures: ring.failures };
}

interface Row {
  readonly connections: number;
  readonly size: { readonly name: string; readonly bytes: number };
  readonly perTurn: number;
  readonly loadShare: Series;
}

async function measureRow(bench: Bench, ring: Ring, row: Row): Promise<FanoutRow> {
  const name = `${row.size.name}, ${row.perTurn} per turn`;
  const result: FanoutRow = {
    size: row.size.name,
    perTurn: row.perTurn,
    cpu: new Map(),
    rate: new Map(),
    longest: new Map(),
  };
  const slice = {
    room: 'main',
    kind: 'text',
    bytes: row.size.bytes,
    perTurn: row.perTurn,
    recipients: row.connections,
    ms: bench.isQuick ? 60 : row.connections > 1_000 ? 100 : 150,
    leastRounds: 1,
  };
  // the first round warms up: code is compiled, buffers grow
  for (let round = 0; round <= 7; round++) {
    await ring.round(name, async ({ name, stage, load }) => {
      const before = (await load.ask('stats')).number('busyUs');
      const answer = await stage.ask('slice', slice);
      const loadUs = (await load.ask('stats')).number('busyUs') - before;
      if (round === 0) return;
      const deliveries = answer.number('deliveries');
      note(result.cpu, name, answer.number('cpuUs') / deliveries);
      note(result.rate, name, (deliveries * 1_000) / answer.number('wallMs'));
      note(row.loadShare, name, loadUs / answer.number('cpuUs'));
    });
  }
  // in slices of their own: the probe keeps the loop spinning
  for (let round = 0; round < (row.connections > 1_000 ? 1 : 2); round++) {
    await ring.round(name, async ({ name, stage }) => {
      const answer = await stage.ask('slice', { ...slice, probes: true, ms: Math.min(slice.ms, 100) });
      note(result.longest, name, answer.number('longestMs'));
    });
  }
  return result;
}
