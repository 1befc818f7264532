import { Dice } from '../sim/dice.ts';
import { Corpus, encode } from './corpus.ts';
import type { Input, Target } from './input.ts';
import { Mutator } from './mutator.ts';

/** Inputs between two looks at the neighbours, which cost as much as some inputs. */
const BETWEEN_CHECKS = 1_000;

/** Inputs that one peer says at most: to connect costs as much as ten of them. */
const MOST_AT_ONCE = 192;

export interface Found {
  readonly inputs: number;
  readonly corpus: Corpus;
}

/** What a target did not stand, with all that it was given since its neighbours were last well. */
export class FuzzFailure extends Error {
  readonly suspects: readonly Input[];

  constructor(target: string, seed: number, suspects: readonly Input[], cause: unknown) {
    super(`${target}, seed ${seed}; the last ${suspects.length} inputs:\n${suspects.map(encode).join('\n')}`, {
      cause,
    });
    this.suspects = suspects;
  }
}

/** Gives a target this many inputs, from one seed. @throws FuzzFailure */
export async function fuzz(name: string, target: Target, inputs: number, seed: number): Promise<Found> {
  const dice = new Dice(seed);
  const corpus = new Corpus(name);
  const mutator = new Mutator(dice, () => corpus.pick(dice));
  let suspects: Input[] = [];
  const stray = Promise.withResolvers<never>();
  const onStray = (error: unknown): void => stray.reject(error);
  process.on('uncaughtException', onStray);
  process.on('unhandledRejection', onStray);

  async function run(): Promise<number> {
    let done = 0;
    while (done < inputs) {
      const some = Array.from({ length: dice.int(1, MOST_AT_ONCE) }, () => mutator.next());
      suspects.push(...some);
      const behaviours = await target.feed(some);
      for (const [i, input] of some.entries()) corpus.learn(input, behaviours[i]);
      done += some.length;
      if (suspects.length < BETWEEN_CHECKS) continue;
      await target.check();
      suspects = [];
    }
    await target.check();
    await target.close();
    if (Object.keys(Object.prototype).length > 0) throw new Error('Object.prototype has grown');
    return done;
  }

  try {
    return { inputs: await Promise.race([run(), stray.promise]), corpus };
  } catch (error) {
    throw new FuzzFailure(name, seed, suspects, error);
  } finally {
    process.off('uncaughtException', onStray);
    process.off('unhandledRejection', onStray);
  }
}

/**
 * Leaves out inputs as long as a new target still does not stand the rest.
 * @returns all of them, where it needs more than these to fail
 */
export async function shrink(open: () => Promise<Target>, suspects: readonly Input[]): Promise<readonly Input[]> {
  let rest = suspects;
  for (let size = rest.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < rest.length;) {
      const some = [...rest.slice(0, from), ...rest.slice(from + size)];
      if (await stands(await open(), some)) from += size;
      else rest = some;
    }
  }
  return rest.length === 0 ? suspects : rest;
}

async function stands(target: Target, inputs: readonly Input[]): Promise<boolean> {
  try {
    if (inputs.length > 0) await target.feed(inputs);
    await target.check();
    await target.close();
    return true;
  } catch {
    return false;
  }
}
