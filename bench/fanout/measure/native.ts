import type { ContenderSpec } from '../contenders.ts';
import { LOAD_CORE, mostConnections } from '../machine.ts';
import { note, Ring, type Bench, type Player, type Series } from './ring.ts';
import { cpuOf, moveSender } from './thread-cpu.ts';

/** One size and number of messages per turn, or one fixed rate. */
export interface NativeRow {
  readonly connections: number;
  readonly what: string;
  readonly kind: 'burst' | 'rate';
  readonly perTurn: number;
  readonly bytes: number;
  /** Microseconds of CPU per delivery, of the main thread and of the whole process. */
  readonly main: Series;
  readonly whole: Series;
  /** At a fixed rate: milliseconds from when a message was due until a client has read it. */
  readonly p50: Series;
  readonly p99: Series;
  /** The longest turn of the event loop in milliseconds, in bursts. */
  readonly longest: Series;
  /** Connections that the sender had a descriptor of. */
  readonly flying: Series;
}

export interface NativeResult {
  readonly rows: readonly NativeRow[];
  readonly failures: Ring['failures'];
}

/** Paired rounds: enough for an interval of 95 %. */
const ROUNDS = 11;
const QUICK_ROUNDS = 5;

const WARM_UP = [
  [100, 1],
  [1_000, 4],
  [16_000, 1],
  [100, 1],
] as const;

/** The sender's thread runs beside the load client, where nothing of the server's does. */
export const APART = 'threadcast-native-apart';

const NAMES = new Set(['handloop', 'threadcast-plain', 'threadcast-native', 'uws', 'bun']);

/** The native sender against the event loop and its peers, in two placements: on the server's core, and on the client's. */
export async function measureNative(bench: Bench): Promise<NativeResult> {
  const rows: NativeRow[] = [];
  const failures: Ring['failures'] = [];
  for (const connections of bench.isQuick ? [1_000] : [1_000, mostFlying()]) {
    const ring = new Ring(bench);
    try {
      for (const spec of contendersOf(bench)) await ring.add(spec, connections);
      await warmUp(bench, ring, connections);
      for (const bytes of [100, 1_000, 16_000]) {
        for (const perTurn of bench.isQuick ? [1, 16] : [1, 4, 16]) {
          rows.push(await measureBurst(bench, ring, { connections, bytes, perTurn }));
        }
      }
      rows.push(await measureRate(bench, ring, connections, connections === 1_000 ? 25 : 2.5));
    } finally {
      await ring.end();
      failures.push(...ring.failures);
    }
  }
  return { rows, failures };
}

/** As many thousands of connections as have two descriptors each, with the sender's reserve left over. */
function mostFlying(): number {
  return Math.min(10_000, Math.floor((mostConnections() - 1_024) / 2_000) * 1_000);
}

/** Before the first row: the compiler has done its work, and the sender's thread runs, beside the load client where it shall be apart. */
async function warmUp(bench: Bench, ring: Ring, connections: number): Promise<void> {
  bench.log(`native: ${connections} connections, warming up`);
  for (const [bytes, perTurn] of WARM_UP) {
    await ring.round('warming up', async ({ name, stage }) => {
      await stage.ask('slice', {
        room: 'main',
        kind: 'text',
        bytes,
        perTurn,
        recipients: connections,
        leastRounds: 1,
        ms: 300,
      });
      if (name === APART) moveSender(stage.pid, LOAD_CORE);
    });
  }
}

function contendersOf({ contenders }: Bench): readonly ContenderSpec[] {
  const wanted = contenders.filter(({ name }) => NAMES.has(name));
  const native = wanted.find(({ name }) => name === 'threadcast-native');
  return native === undefined ? wanted : [...wanted, { ...native, name: APART }];
}

function rowOf(facts: Pick<NativeRow, 'connections' | 'what' | 'kind' | 'perTurn' | 'bytes'>): NativeRow {
  const [main, whole, p50, p99, longest, flying]: Series[] = Array.from({ length: 6 }, () => new Map());
  const none: Series = new Map();
  return {
    ...facts,
    main: main ?? none,
    whole: whole ?? none,
    p50: p50 ?? none,
    p99: p99 ?? none,
    longest: longest ?? none,
    flying: flying ?? none,
  };
}

async function measureBurst(
  bench: Bench,
  ring: Ring,
  { connections, bytes, perTurn }: Pick<NativeRow, 'connections' | 'bytes' | 'perTurn'>,
): Promise<NativeRow> {
  const what = `${sizeOf(bytes)}, ${perTurn} per turn`;
  const row = rowOf({ connections, what, kind: 'burst', perTurn, bytes });
  bench.log(`native: ${connections} connections, ${what}`);
  const slice = { room: 'main', kind: 'text', bytes, perTurn, recipients: connections, leastRounds: 1 };
  const ms = bench.isQuick ? 60 : 120;
  const rounds = bench.isQuick ? QUICK_ROUNDS : ROUNDS;
  for (let round = 0; round <= rounds; round++) {
    await ring.round(what, async ({ name, stage }: Player) => {
      const before = cpuOf(stage.pid);
      const answer = await stage.ask('slice', { ...slice, ms });
      const after = cpuOf(stage.pid);
      // the first round of a size warms up
      if (round === 0) return;
      const deliveries = answer.number('deliveries');
      note(row.main, name, (after.mainUs - before.mainUs) / deliveries);
      note(row.whole, name, (after.processUs - before.processUs) / deliveries);
    });
  }
  for (let round = 0; round < rounds; round++) {
    await ring.round(what, async ({ name, stage }) => {
      const answer = await stage.ask('slice', { ...slice, ms: 100, probes: true });
      note(row.longest, name, answer.number('longestMs'));
    });
  }
  await noteFlying(ring, row);
  return row;
}

async function measureRate(bench: Bench, ring: Ring, connections: number, perSecond: number): Promise<NativeRow> {
  const what = `1 KB, ${perSecond} a second`;
  const row = rowOf({ connections, what, kind: 'rate', perTurn: 1, bytes: 1_000 });
  bench.log(`native: ${connections} connections, ${what}`);
  const message = { room: 'main', kind: 'text', bytes: 1_000, recipients: connections };
  const count = Math.ceil(perSecond * (bench.isQuick ? 1 : 2));
  for (let round = 1; round <= (bench.isQuick ? QUICK_ROUNDS : ROUNDS); round++) {
    await ring.round(what, async ({ name, stage, load }) => {
      await load.ask('stamps');
      const before = cpuOf(stage.pid);
      const answer = await stage.ask('paced', { ...message, perSecond, count });
      const after = cpuOf(stage.pid);
      const latency = await load.ask('latency');
      const deliveries = answer.number('deliveries');
      note(row.main, name, (after.mainUs - before.mainUs) / deliveries);
      note(row.whole, name, (after.processUs - before.processUs) / deliveries);
      note(row.p50, name, latency.number('p50') / 1_000);
      note(row.p99, name, latency.number('p99') / 1_000);
    });
  }
  await noteFlying(ring, row);
  return row;
}

async function noteFlying(ring: Ring, row: NativeRow): Promise<void> {
  await ring.round(row.what, async ({ name, stage }) => {
    if (!name.startsWith('threadcast-native')) return;
    note(row.flying, name, (await stage.ask('flying')).number('flying'));
  });
}

function sizeOf(bytes: number): string {
  return bytes < 1_000 ? `${bytes} B` : `${bytes / 1_000} KB`;
}
