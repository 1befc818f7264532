import type { ContenderSpec } from '../contenders.ts';
import { Stage } from '../stage.ts';
import type { Bench } from './ring.ts';

export interface HugeRow {
  readonly name: string;
  readonly connections: number;
  /** Until everybody has the big message. */
  readonly wallMs: number;
  readonly longestMs: number;
  readonly peakMb: number;
  /** Of the small messages in the other room meanwhile, milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface HugeResult {
  readonly bytes: number;
  readonly rows: readonly HugeRow[];
  readonly failures: readonly { readonly name: string; readonly row: string; readonly reason: string }[];
}

const SMALL = { connections: 50, bytes: 200, perSecond: 100 };
const HUGE_BYTES = 50_000_000;

/** Contenders that copy a message for every connection need its size so many times: with 1,000 of 50 MB no machine has that. */
const sharers = new Set(['handloop', 'threadcast', 'socketio']);

/** One message of 50 MB, while small ones go to 50 connections in another room a hundred times a second. */
export async function measureHuge(bench: Bench): Promise<HugeResult> {
  const rows: HugeRow[] = [];
  const failures: { name: string; row: string; reason: string }[] = [];
  for (const connections of bench.isQuick ? [50] : [50, 1_000]) {
    for (const spec of bench.contenders) {
      if (spec.name === 'threadcast-plain') continue;
      const row = `50 MB to ${connections}`;
      bench.log(`${row}: ${spec.title}`);
      if (connections > 50 && !sharers.has(spec.name)) {
        failures.push({ name: spec.name, row, reason: 'not run: it copies the message for each connection, 50 GB' });
        continue;
      }
      try {
        rows.push(await measureOne(spec, connections));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        bench.log(`  failed: ${reason}`);
        failures.push({ name: spec.name, row, reason });
      }
    }
  }
  return { bytes: HUGE_BYTES, rows, failures };
}

async function measureOne(spec: ContenderSpec, connections: number): Promise<HugeRow> {
  const stage = await Stage.start(spec);
  try {
    const big = stage.load();
    const small = stage.load({ isDeaf: true });
    await big.open(connections, 'big');
    await small.open(SMALL.connections, 'small');
    await stage.untilMembers('big', connections);
    await stage.untilMembers('small', SMALL.connections);
    // warm
    const warm = {
      room: 'big',
      kind: 'text',
      bytes: 1_000,
      perTurn: 1,
      recipients: connections,
      ms: 200,
      leastRounds: 5,
    };
    await stage.ask('slice', warm);
    await small.ask('stamps');
    const answer = await stage.ask('huge', {
      room: 'big',
      bytes: HUGE_BYTES,
      recipients: connections,
      smallRoom: 'small',
      smallBytes: SMALL.bytes,
      perSecond: SMALL.perSecond,
    });
    const latency = await small.ask('latency');
    return {
      name: spec.name,
      connections,
      wallMs: answer.number('wallMs'),
      longestMs: answer.number('longestMs'),
      peakMb: answer.number('peakMb'),
      p50: latency.number('p50') / 1_000,
      p99: latency.number('p99') / 1_000,
      max: latency.number('max') / 1_000,
    };
  } finally {
    await stage.stop();
  }
}
