import { appendFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { steps } from './commands.ts';
import { seed, trials } from '../support/tier.ts';
import { World, type WorldOptions } from './world.ts';

/**
 * `SEED` makes the sequences of a failed run again; with `MODEL_PATH` and `MODEL_REPLAY` as well (`path` and
 * `replayPath` of the report) only the one that failed, as small as it was made. `MODEL_RUNS` makes more.
 * `MODEL_PROGRESS` names a file for the time of each sequence: one without a time has failed, or hangs.
 */
const { MODEL_PATH, MODEL_REPLAY, MODEL_RUNS, MODEL_PROGRESS } = process.env;

const options: fc.Arbitrary<WorldOptions> = fc.record({
  retention: fc.record({
    maxEntries: fc.constantFrom(1, 3, 8, 1_000),
    maxBytes: fc.constantFrom(4_000, 100_000, 10_000_000),
    maxAgeMs: fc.constantFrom(5_000, 3_600_000),
  }),
  tickMs: fc.constantFrom(0, 0.05, 0.5),
  isRemote: fc.constantFrom(false, false, true),
  maxCriticalBehind: fc.constantFrom(2, 1_000),
  breakerThreshold: fc.constantFrom(1, 5),
  retryDelaysMs: fc.constantFrom([], [1_000, 2_000, 4_000]),
  crowd: fc.constantFrom(0, 0, 0, 18),
});

/** What must have happened in the normal run, at least once for each hundred sequences: a test of nothing cannot fail. */
const EVENTS = [
  'in order',
  'ahead',
  'in parts',
  'volatile',
  'skipped',
  'duplicate',
  'behind',
  'dropped',
  'local',
  'joined again',
  'outcome written',
  'outcome acked',
  'outcome behind',
  'outcome dropped',
  'outcome evicted',
  'gap trimmed',
  'gap epoch',
  'gap fork',
  'connection retrying.attempting',
  'connection tripped.probing',
  'connection open',
  'connection evicted',
  'thread idle',
  'thread closed',
  'thread draining',
];

it('delivers to everybody all that was logged, in order and once, or tells of a gap', async () => {
  const sequences = Number(MODEL_RUNS ?? trials(300).numRuns);
  process.stdout.write(`${sequences} sequences, SEED=${seed}\n`);
  const seen = new Map<string, number>();
  let done = 0;
  await fc.assert(
    fc.asyncProperty(options, steps(20, MODEL_REPLAY), fc.boolean(), async (options, steps, isDrained) => {
      const begunAt = performance.now();
      if (MODEL_PROGRESS !== undefined) appendFileSync(MODEL_PROGRESS, `${done + 1} `);
      const world = new World(options);
      await fc.asyncModelRun(() => ({ model: {}, real: world }), steps);
      await world.reunite();
      await (isDrained ? world.drain() : world.close(world.hub.close()));
      for (const [event, times] of world.ledger.seen) seen.set(event, (seen.get(event) ?? 0) + times);
      done++;
      if (MODEL_PROGRESS !== undefined) {
        appendFileSync(MODEL_PROGRESS, `${(performance.now() - begunAt).toFixed(0)} ms\n`);
      }
    }),
    {
      numRuns: sequences,
      seed,
      ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
    },
  );
  const isReplay = MODEL_PATH !== undefined;
  expect(isReplay ? sequences : done).toBe(sequences);
  expect(EVENTS.filter((event) => !isReplay && (seen.get(event) ?? 0) < sequences / 100)).toEqual([]);
  // 3,000 sequences of `npm run model` take an hour on a busy machine
}, 7_200_000);
