import { note, Ring, type Bench, type Series } from './ring.ts';

export interface CompressedRow {
  readonly size: string;
  readonly connections: number;
  /** Microseconds of CPU per delivery, of all threads. */
  readonly cpu: Series;
  /** Bytes that a message of this size was on the wire. */
  readonly wire: Series;
  /** Connections of which the server did not agree to compress, or got plain frames all the same. */
  readonly plain: ReadonlySet<string>;
}

export interface CompressedResult {
  readonly rows: readonly CompressedRow[];
  readonly failures: Ring['failures'];
}

const loads = [
  { size: '16 KB', bytes: 16_000, connections: 100 },
  { size: '1 MB', bytes: 1_000_000, connections: 20 },
];

/** Who can compress at all; a hand-written loop cannot. */
const able = new Set(['naive', 'threadcast', 'socketio', 'uws', 'bun']);

/** Text to clients that offer permessage-deflate. */
export async function measureCompressed(bench: Bench): Promise<CompressedResult> {
  const rows: CompressedRow[] = [];
  const failures: Ring['failures'] = [];
  for (const load of loads) {
    const ring = new Ring(bench);
    try {
      for (const spec of bench.contenders) {
        if (able.has(spec.name)) await ring.add(spec, load.connections, { deflate: true }, { offersDeflate: true });
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
  { size, bytes, connections }: (typeof loads)[number],
): Promise<CompressedRow> {
  const row = `compressed ${size}`;
  bench.log(row);
  const plain = new Set<string>();
  const result: CompressedRow = { size, connections, cpu: new Map(), wire: new Map(), plain };
  const slice = {
    room: 'main',
    kind: 'text',
    bytes,
    perTurn: 1,
    recipients: connections,
    ms: bench.isQuick ? 60 : 250,
  };
  for (let round = 0; round <= 7; round++) {
    await ring.round(row, async ({ name, stage, load }) => {
      const before = await load.ask('stats');
      const answer = await stage.ask('slice', { ...slice, leastRounds: 1 });
      const after = await load.ask('stats');
      if (round === 0) return;
      const grown = (field: string): number => after.number(field) - before.number(field);
      const deliveries = answer.number('deliveries');
      note(result.cpu, name, answer.number('cpuUs') / deliveries);
      note(result.wire, name, grown('bytes') / deliveries);
      if (grown('compressed') < deliveries) plain.add(name);
    });
  }
  return result;
}
