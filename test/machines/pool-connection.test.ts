import { describe, expect, it } from 'vitest';
import { poolConnectionMachine } from '../../src/machines/index.ts';
import { edgesOf, Specimen, type Stimulus } from './explore.ts';

const EFFECTS = ['dial', 'open', 'settle', 'lose', 'release'];

const policy = { retryDelaysMs: [1_000, 2_000, 4_000], breakerThreshold: 5, cooldownMs: 30_000, settleMs: 5_000 };

const lost: Stimulus & { askedMs: number; reason: string } = { type: 'lost', reason: '1006', askedMs: 0 };

/** Stimulus, the state after it, the effects on the way. */
type Step = readonly [stimulus: Stimulus, state: string, effects?: string];

const patient: typeof lost = { ...lost, askedMs: 7_000 };
const greeted: Stimulus = { type: 'greeted' };
const refused: Stimulus & { reason: string } = { type: 'refused', reason: '4403' };
const retire: Stimulus & { reason: string } = { type: 'retire', reason: 'not needed' };

/** Four failures, each with its wait. */
const FOUR: readonly Step[] = [
  [lost, 'retrying'],
  [{ after: 999 }, 'retrying'],
  [{ after: 1 }, 'connecting', 'dial'],
  [lost, 'retrying'],
  [{ after: 1_999 }, 'retrying'],
  [{ after: 1 }, 'connecting', 'dial'],
  [lost, 'retrying'],
  [{ after: 3_999 }, 'retrying'],
  [{ after: 1 }, 'connecting', 'dial'],
  [lost, 'retrying'],
  [{ after: 4_000 }, 'connecting', 'dial'],
];

const TRIPPED: readonly Step[] = [
  ...FOUR,
  [lost, 'tripped.coolingDown'],
  [{ after: 29_999 }, 'tripped.coolingDown'],
  [{ after: 1 }, 'tripped.probing', 'dial'],
];

const stories: readonly (readonly [name: string, steps: readonly Step[]])[] = [
  ['the fifth failure opens the breaker, and a failed probe ends it', [...TRIPPED, [lost, 'evicted', 'release']]],
  [
    'a hello to the probe opens it',
    [...TRIPPED, [greeted, 'open.fresh', 'open'], [lost, 'tripped.coolingDown', 'lose']],
  ],
  [
    'failures are forgotten when it has lasted, not before',
    [
      [greeted, 'open.fresh', 'open'],
      [{ after: 4_999 }, 'open.fresh'],
      [lost, 'retrying', 'lose'],
      [{ after: 1_000 }, 'connecting', 'dial'],
      [greeted, 'open.fresh', 'open'],
      [lost, 'retrying', 'lose'],
      [{ after: 2_000 }, 'connecting', 'dial'],
      [greeted, 'open.fresh', 'open'],
      [{ after: 5_000 }, 'open.settled', 'settle'],
      [lost, 'retrying', 'lose'],
      [{ after: 1_000 }, 'connecting', 'dial'],
    ],
  ],
  [
    'waits as long as the hub asks, if that is longer',
    [
      [patient, 'retrying'],
      [{ after: 6_999 }, 'retrying'],
      [{ after: 1 }, 'connecting', 'dial'],
    ],
  ],
  ['a refusal ends it at once', [[refused, 'evicted', 'release']]],
  [
    'the pool ends an open one: its threads go first',
    [
      [greeted, 'open.fresh', 'open'],
      [retire, 'evicted', 'lose release'],
    ],
  ],
  [
    'what comes late changes nothing',
    [
      [retire, 'evicted', 'release'],
      [greeted, 'evicted'],
      [lost, 'evicted'],
    ],
  ],
  [
    'a hello that comes twice changes nothing',
    [
      [greeted, 'open.fresh', 'open'],
      [greeted, 'open.fresh'],
    ],
  ],
];

describe('a connection of a pool', () => {
  const taken = new Set<string>();

  it.each(stories)('%s', async (_, steps) => {
    const specimen = new Specimen(poolConnectionMachine, EFFECTS, { id: 'pool-connection:1', policy });
    expect(specimen.effects).toEqual(['dial']);
    for (const [stimulus, state, effects = ''] of steps) {
      expect(await specimen.react(stimulus)).toEqual({ state, effects: effects === '' ? [] : effects.split(' ') });
    }
    for (const edge of specimen.taken) taken.add(edge);
  });

  it('has taken every edge, delayed ones and each guarded branch included', () => {
    expect([...taken].toSorted()).toEqual(edgesOf(poolConnectionMachine));
  });
});
