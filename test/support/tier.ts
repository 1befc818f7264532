/** Which tests run, and for how long: see test/README.md. */
type Tier = 'quick' | 'usual' | 'full';

/** Runs of a property, in proportion to the usual ones. */
const SHARES: Readonly<Record<Tier, number>> = { quick: 0.2, usual: 1, full: 3 };

const { TEST_TIER, SEED } = process.env;

/** Without a tier, as when one file is run by its name, everything is as usual. */
export const tier: Tier = TEST_TIER === 'quick' || TEST_TIER === 'full' ? TEST_TIER : 'usual';

/** The same in every run, so that a failure comes again; `SEED=7` is another one, `SEED=random` one of chance. */
export const seed = SEED === 'random' ? 1 + Math.floor(Math.random() * (2 ** 31 - 1)) : Number(SEED ?? 1);

/**
 * How fast-check tries a property.
 * @param usual runs in `npm test`: a fifth of them in the quick tier, three times as many in the full one
 */
export function trials(usual = 100): { readonly seed: number; readonly numRuns: number } {
  return { seed, numRuns: Math.ceil(usual * SHARES[tier]) };
}
