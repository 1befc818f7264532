/**
 * What a recipe costs the main thread, and what a second worker is worth:
 * `node bench/recipes/run.ts [--quick] [--out docs/benchmarks.md]`.
 *
 * The variants take turns within each round, so that a noisy minute hits them alike; the tables have the medians.
 */
import { parseArgs } from 'node:util';
import { writeSection } from '../document.ts';
import { inWorker } from '../../src/infra/serialization/workers/recipe.ts';
import { RecipePool } from '../../src/infra/serialization/workers/recipe-pool.ts';
import report from './report.ts';
import { renderReport } from './render.ts';
import { batch, inTurns } from './variants.ts';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, out: { type: 'string' } },
});
const rounds = flags.quick ? 3 : 15;
const module = new URL('./report.ts', import.meta.url);
const limits = { maxQueue: 100, maxBytes: 2 ** 27, timeoutMs: 120_000 };
const single = new RecipePool({ ...limits, workers: 1 });
const double = new RecipePool({ ...limits, workers: 2 });

/** What a second worker is worth for small and big messages; arithmetic is the most that this machine gives. */
const batches = [
  { what: '10 MB', messages: 8, recipe: inWorker(module, { megabytes: 10 }) },
  { what: '1 MB', messages: 80, recipe: inWorker(module, { megabytes: 1 }) },
  { what: 'arithmetic', messages: 8, recipe: inWorker(module, undefined, { export: 'compute' }) },
].map(({ what, messages, recipe }) => ({
  what,
  single: batch(`${what}, ${messages} at once, 1 worker`, single, recipe, messages),
  double: batch(`${what}, ${messages} at once, 2 workers`, double, recipe, messages),
}));
const alone = batch('10 MB recipe, one at a time', single, inWorker(module, { megabytes: 10 }), 1);
const pooled = await inTurns([alone, ...batches.flatMap((each) => [each.single, each.double])], rounds);
await Promise.all([single.close(), double.close()]);

// By itself and last: the garbage that it leaves on this thread would be counted against the recipes.
const inline = await inTurns(
  [
    {
      name: '10 MB inline: build, JSON.stringify, Buffer.from',
      messages: 1,
      work: () => Promise.resolve(Buffer.from(JSON.stringify(report({ megabytes: 10 })))),
    },
  ],
  rounds,
);

const text = renderReport({ samples: new Map([...inline, ...pooled]), alone, batches, rounds });
// what was measured in haste is not for the document
if (flags.out === undefined || flags.quick) console.log(text);
else writeSection(flags.out, 'recipes', text);
