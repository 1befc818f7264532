import { note, Ring, type Bench, type Series } from './ring.ts';

export interface AcceptResult {
  /** Microseconds of the server's CPU for one connection that connects and joins. */
  readonly cpuUs: Series;
  readonly failures: Ring['failures'];
}

/** Connections that stand before the first round: compiled code and the first heap are paid for. */
const STANDING = 1_000;

/** Connections of one round. */
const PER_ROUND = 300;

/** Contenders take turns in accepting, while the load client polls: a sleeping one costs a server more, the slower it is. */
export async function measureAccept(bench: Bench): Promise<AcceptResult> {
  const ring = new Ring(bench);
  const cpuUs: Series = new Map();
  try {
    for (const spec of bench.contenders) await ring.add(spec, STANDING);
    bench.log(`accept ${PER_ROUND} at a time`);
    const counts = new Map<string, number>();
    for (let round = 0; round <= (bench.isQuick ? 7 : 21); round++) {
      await ring.round('accept', async ({ name, stage, load }) => {
        const members = (counts.get(name) ?? STANDING) + PER_ROUND;
        counts.set(name, members);
        await load.ask('spin');
        const before = await stage.ask('usage');
        await load.open(PER_ROUND, 'main');
        await stage.untilMembers('main', members);
        const after = await stage.ask('usage');
        await load.ask('rest');
        // the first one warms up
        if (round > 0) note(cpuUs, name, (after.number('cpuUs') - before.number('cpuUs')) / PER_ROUND);
      });
    }
  } finally {
    await ring.end();
  }
  return { cpuUs, failures: ring.failures };
}
