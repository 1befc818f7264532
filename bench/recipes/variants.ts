import type { Recipe } from '../../src/infra/serialization/workers/recipe.ts';
import type { RecipePool } from '../../src/infra/serialization/workers/recipe-pool.ts';

/** What one message took, of a variant that sends several. */
export interface Sample {
  readonly mainCpuMs: number;
  readonly totalCpuMs: number;
  readonly wallMs: number;
}

export interface Variant {
  readonly name: string;
  readonly messages: number;
  readonly work: () => Promise<unknown>;
}

/** So many messages of one recipe at once. */
export function batch(name: string, pool: RecipePool, recipe: Recipe, messages: number): Variant {
  const one = async () => (await pool.run(recipe)).body.release();
  return { name, messages, work: () => Promise.all(Array.from({ length: messages }, one)) };
}

/** Samples by the variants' names. */
export async function inTurns(variants: readonly Variant[], rounds: number): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(variants.map(({ name }) => [name, []]));
  // The first round starts threads and warms the compilers up.
  for (let round = -1; round < rounds; round++) {
    for (const variant of variants) {
      const sample = await measured(variant);
      if (round >= 0) samples.get(variant.name)?.push(sample);
    }
  }
  return samples;
}

async function measured({ work, messages }: Variant): Promise<Sample> {
  const [main, total, start] = [process.threadCpuUsage(), process.cpuUsage(), performance.now()];
  await work();
  return {
    mainCpuMs: milliseconds(process.threadCpuUsage(main)) / messages,
    totalCpuMs: milliseconds(process.cpuUsage(total)) / messages,
    wallMs: (performance.now() - start) / messages,
  };
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1_000;
}
