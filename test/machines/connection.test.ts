import { describe, expect, it } from 'vitest';
import { connectionMachine, type ConnectionPolicy } from '../../src/machines/index.ts';
import { edgesOf, Specimen, type Reading, type Stimulus } from './explore.ts';

const EFFECTS = [
  'openGate',
  'closeGate',
  'countTimeout',
  'countRetry',
  'countDeliveryFailure',
  'sendProbe',
  'terminate',
];

const defaults: ConnectionPolicy = {
  sendTimeoutMs: 5_000,
  retryDelaysMs: [1_000, 2_000, 4_000],
  breakerThreshold: 5,
  cooldownMs: 30_000,
};

/** Where it leads, and the effects on the way. */
type Cell = readonly [situation: string, effects: string];

interface Row {
  /** Of the state's timer; none where the state has none. */
  readonly waitsMs?: number;
  readonly elapsed?: Cell;
  readonly stalled?: Cell;
  readonly progressed?: Cell;
}

/**
 * A connection under the default policy, by situation: state, retries begun, consecutive failures. What is not named changes
 * nothing; `evict` and `closed` end it everywhere. Written as a table, not from the machine.
 */
const table: Readonly<Record<string, Row>> = {
  'open 0/0': { stalled: ['retrying.backingOff 1/1', 'closeGate countTimeout countRetry'] },
  'retrying.backingOff 1/1': {
    waitsMs: 1_000,
    elapsed: ['retrying.attempting 1/1', ''],
    progressed: ['open 0/0', 'openGate'],
  },
  'retrying.attempting 1/1': {
    waitsMs: 5_000,
    elapsed: ['retrying.backingOff 2/2', 'countTimeout countRetry'],
    progressed: ['open 0/0', 'openGate'],
  },
  'retrying.backingOff 2/2': {
    waitsMs: 2_000,
    elapsed: ['retrying.attempting 2/2', ''],
    progressed: ['open 0/0', 'openGate'],
  },
  'retrying.attempting 2/2': {
    waitsMs: 5_000,
    elapsed: ['retrying.backingOff 3/3', 'countTimeout countRetry'],
    progressed: ['open 0/0', 'openGate'],
  },
  'retrying.backingOff 3/3': {
    waitsMs: 4_000,
    elapsed: ['retrying.attempting 3/3', ''],
    progressed: ['open 0/0', 'openGate'],
  },
  // the initial attempt and three retries have timed out: that delivery has failed, the next one is attempted at once
  'retrying.attempting 3/3': {
    waitsMs: 5_000,
    elapsed: ['retrying.attempting 0/4', 'countTimeout countDeliveryFailure'],
    progressed: ['open 0/0', 'openGate'],
  },
  // the fifth in a row
  'retrying.attempting 0/4': {
    waitsMs: 5_000,
    elapsed: ['tripped.coolingDown 0/5', 'countTimeout'],
    progressed: ['open 0/0', 'openGate'],
  },
  'tripped.coolingDown 0/5': { waitsMs: 30_000, elapsed: ['tripped.probing 0/5', 'sendProbe'] },
  'tripped.probing 0/5': {
    waitsMs: 5_000,
    elapsed: ['evicted', 'countTimeout terminate'],
    progressed: ['open 0/0', 'openGate'],
  },
};

const taken = new Set<string>();

/** A connection that has been through this. */
async function make(path: readonly Stimulus[], policy: Partial<ConnectionPolicy> = {}): Promise<Specimen> {
  const input = { id: 'c', policy: { ...defaults, ...policy } };
  const specimen = new Specimen(connectionMachine, EFFECTS, input);
  for (const stimulus of path) await react(specimen, stimulus);
  return specimen;
}

async function react(specimen: Specimen, stimulus: Stimulus): Promise<Cell> {
  const { effects } = await specimen.react(stimulus);
  for (const edge of specimen.taken) taken.add(edge);
  return [situationOf(specimen), effects.join(' ')];
}

function situationOf({ state, context }: Reading): string {
  return state === 'evicted' ? state : `${state} ${numberOf(context, 'attempt')}/${numberOf(context, 'failures')}`;
}

function numberOf(context: unknown, key: string): string {
  return typeof context === 'object' && context !== null ? String(new Map(Object.entries(context)).get(key)) : '';
}

/** The shortest path to each situation, found with real machines. */
async function explore(): Promise<Map<string, readonly Stimulus[]>> {
  const paths = new Map<string, readonly Stimulus[]>([['open 0/0', []]]);
  for (const [situation, path] of paths) {
    const waitsMs = table[situation]?.waitsMs ?? 60_000;
    for (const stimulus of [{ type: 'stalled' }, { type: 'progressed' }, { after: waitsMs }]) {
      const specimen = await make(path);
      await react(specimen, stimulus);
      const next = situationOf(specimen);
      if (!paths.has(next) && !specimen.isDone) paths.set(next, [...path, stimulus]);
    }
  }
  return paths;
}

const paths = await explore();
const rows = Object.entries(table).map(([situation, row]) => ({ situation, ...row }));

describe('the connection machine', () => {
  it('comes into no other situation than those of the design, and into each of them', () => {
    expect([...paths.keys()].toSorted()).toEqual(Object.keys(table).toSorted());
    expect(connectionMachine.events.filter((type) => !type.startsWith('xstate.')).toSorted()).toEqual(
      ['stalled', 'progressed', 'evict', 'closed', 'trip', 'reset'].toSorted(),
    );
  });

  it('begins open, with the gate opened', async () => {
    const { effects, context } = await make([]);
    expect(effects).toEqual(['openGate']);
    expect(context).toEqual({
      id: 'c',
      policy: defaults,
      attempt: 0,
      failures: 0,
      trips: 0,
      eviction: { code: 1006, reason: 'never closed' },
    });
  });

  describe.each(rows)('$situation', ({ situation, waitsMs, elapsed, stalled, progressed }) => {
    const path = paths.get(situation) ?? [];
    const nothing: Cell = [situation, ''];

    it('stalled', async () => expect(await react(await make(path), { type: 'stalled' })).toEqual(stalled ?? nothing));

    it('progressed', async () => {
      expect(await react(await make(path), { type: 'progressed' })).toEqual(progressed ?? nothing);
    });

    it('time passes', async () => {
      const specimen = await make(path);
      const timers = waitsMs === undefined ? 0 : 1;
      expect(specimen.clock.pending).toBe(timers);
      expect(await react(specimen, { after: (waitsMs ?? 3_600_000) - 1 })).toEqual(nothing);
      expect(await react(specimen, { after: 1 })).toEqual(elapsed ?? nothing);
    });

    it('an operator trips it', async () => {
      const [, counts = ''] = situation.split(' ');
      const failures = counts.split('/')[1];
      const isTripped = situation.startsWith('tripped');
      const expected = [`tripped.coolingDown 0/${failures}`, situation === 'open 0/0' ? 'closeGate' : ''];
      expect(await react(await make(path), { type: 'trip' })).toEqual(isTripped ? nothing : expected);
    });

    it('an operator resets it', async () => {
      const expected = situation === 'open 0/0' ? nothing : ['open 0/0', 'openGate'];
      expect(await react(await make(path), { type: 'reset' })).toEqual(expected);
    });

    it.each(['evict', 'closed'])('%s', async (type) => {
      const specimen = await make(path);
      const eviction = { code: 4409, reason: 'replaced' };
      const effects = situation === 'open 0/0' ? 'closeGate terminate' : 'terminate';
      expect(await react(specimen, { type, ...eviction })).toEqual(['evicted', effects]);
      expect(specimen.output).toEqual(eviction);
      expect(specimen.clock.pending).toBe(0);
    });
  });

  it('is evicted as a slow consumer when the probe is not answered', async () => {
    const specimen = await make([...(paths.get('tripped.probing 0/5') ?? []), { after: 5_000 }]);
    expect(specimen.output).toEqual({ code: 4408, reason: 'slow consumer' });
  });

  it('counts every opening of its breaker', async () => {
    const trip = [...(paths.get('tripped.probing 0/5') ?? []), { type: 'progressed' }];
    const specimen = await make([...trip, ...trip, ...trip]);
    expect(specimen.context).toMatchObject({ attempt: 0, failures: 0, trips: 3 });
    expect(specimen.state).toBe('open');
  });

  it('forgets failures with each progress: only those in a row open the breaker', async () => {
    const almost = [...(paths.get('retrying.attempting 0/4') ?? []), { type: 'progressed' }];
    const specimen = await make([...almost, ...almost, { type: 'stalled' }]);
    expect(situationOf(specimen)).toBe('retrying.backingOff 1/1');
    expect(specimen.context).toMatchObject({ trips: 0 });
  });
});

/** When a connection of which the peer is dead comes into each situation, from the first stall on, and what is counted. */
interface Life {
  readonly name: string;
  readonly policy: Partial<ConnectionPolicy>;
  readonly life: readonly (readonly [number, string])[];
  readonly counted: { readonly timeouts: number; readonly retries: number; readonly failed: number };
}

const lives: readonly Life[] = [
  {
    name: 'the defaults',
    policy: {},
    life: [
      [0, 'retrying.backingOff 1/1'],
      [1_000, 'retrying.attempting 1/1'],
      [6_000, 'retrying.backingOff 2/2'],
      [8_000, 'retrying.attempting 2/2'],
      [13_000, 'retrying.backingOff 3/3'],
      [17_000, 'retrying.attempting 3/3'],
      [22_000, 'retrying.attempting 0/4'],
      [27_000, 'tripped.coolingDown 0/5'],
      [57_000, 'tripped.probing 0/5'],
      [62_000, 'evicted'],
    ],
    counted: { timeouts: 6, retries: 3, failed: 1 },
  },
  {
    name: 'no retries: each timeout is a failed delivery',
    policy: { retryDelaysMs: [], breakerThreshold: 3 },
    life: [
      [0, 'retrying.attempting 0/1'],
      [5_000, 'retrying.attempting 0/2'],
      [10_000, 'tripped.coolingDown 0/3'],
      [40_000, 'tripped.probing 0/3'],
      [45_000, 'evicted'],
    ],
    counted: { timeouts: 4, retries: 0, failed: 3 },
  },
  {
    name: 'a breaker that opens at the first failure',
    policy: { breakerThreshold: 1 },
    life: [
      [0, 'tripped.coolingDown 0/1'],
      [30_000, 'tripped.probing 0/1'],
      [35_000, 'evicted'],
    ],
    counted: { timeouts: 2, retries: 0, failed: 0 },
  },
  {
    name: 'a breaker that opens at the first failure, without retries',
    policy: { breakerThreshold: 1, retryDelaysMs: [] },
    life: [
      [0, 'tripped.coolingDown 0/1'],
      [30_000, 'tripped.probing 0/1'],
      [35_000, 'evicted'],
    ],
    counted: { timeouts: 2, retries: 0, failed: 1 },
  },
  {
    name: 'a breaker that opens with the last retry: that delivery has failed as well',
    policy: { breakerThreshold: 3, retryDelaysMs: [10, 20] },
    life: [
      [0, 'retrying.backingOff 1/1'],
      [10, 'retrying.attempting 1/1'],
      [5_010, 'retrying.backingOff 2/2'],
      [5_030, 'retrying.attempting 2/2'],
      [10_030, 'tripped.coolingDown 0/3'],
      [40_030, 'tripped.probing 0/3'],
      [45_030, 'evicted'],
    ],
    counted: { timeouts: 4, retries: 2, failed: 1 },
  },
  {
    name: 'several deliveries before the breaker',
    policy: { breakerThreshold: 6, retryDelaysMs: [100] },
    life: [
      [0, 'retrying.backingOff 1/1'],
      [100, 'retrying.attempting 1/1'],
      [5_100, 'retrying.attempting 0/2'],
      [10_100, 'retrying.backingOff 1/3'],
      [10_200, 'retrying.attempting 1/3'],
      [15_200, 'retrying.attempting 0/4'],
      [20_200, 'retrying.backingOff 1/5'],
      [20_300, 'retrying.attempting 1/5'],
      [25_300, 'tripped.coolingDown 0/6'],
      [55_300, 'tripped.probing 0/6'],
      [60_300, 'evicted'],
    ],
    counted: { timeouts: 7, retries: 3, failed: 3 },
  },
  {
    name: 'other times',
    policy: { sendTimeoutMs: 70, retryDelaysMs: [3], breakerThreshold: 2, cooldownMs: 11 },
    life: [
      [0, 'retrying.backingOff 1/1'],
      [3, 'retrying.attempting 1/1'],
      [73, 'tripped.coolingDown 0/2'],
      [84, 'tripped.probing 0/2'],
      [154, 'evicted'],
    ],
    counted: { timeouts: 3, retries: 1, failed: 1 },
  },
];

describe('a connection whose peer is dead', () => {
  it.each(lives)('$name', async ({ policy, life, counted }) => {
    const specimen = await make([], policy);
    specimen.history.length = 0;
    const [, first] = await react(specimen, { type: 'stalled' });
    const [, rest] = await react(specimen, { after: 200_000 });
    const effects = `${first} ${rest}`.split(' ');
    const times = (effect: string): number => effects.filter((name) => name === effect).length;
    expect(specimen.history.map((reading) => [reading.at, situationOf(reading)])).toEqual(life);
    expect({
      timeouts: times('countTimeout'),
      retries: times('countRetry'),
      failed: times('countDeliveryFailure'),
    }).toEqual(counted);
    expect(times('terminate')).toBe(1);
    expect(specimen.output).toEqual({ code: 4408, reason: 'slow consumer' });
  });
});

describe('these tests', () => {
  it('have taken every edge, delayed ones and each guarded branch included', () => {
    expect([...taken].toSorted()).toEqual(edgesOf(connectionMachine));
  });
});
