import { packError } from './carried-error.ts';
import type { FailedReply, RecipeTask } from './worker-protocol.ts';

/** Imports a recipe's module and calls its function, in whichever thread this runs. Never rejects. */
export async function buildRecipe({
  url,
  exportName,
  args,
}: Pick<RecipeTask, 'url' | 'exportName' | 'args'>): Promise<{ readonly value: unknown } | FailedReply> {
  let recipe: unknown;
  try {
    // a bundler has nothing to look for here
    const exports: Readonly<Record<string, unknown>> = await import(/* webpackIgnore: true */ /* @vite-ignore */ url);
    recipe = exports[exportName];
  } catch (error) {
    return { kind: 'recipeFailed', reason: 'its module could not be loaded', cause: packError(error) };
  }
  if (typeof recipe !== 'function') {
    return { kind: 'recipeFailed', reason: `its module has no function as export ${JSON.stringify(exportName)}` };
  }
  try {
    return { value: await recipe(args) };
  } catch (error) {
    const cause = packError(error);
    return { kind: 'recipeFailed', reason: `it threw: ${cause.message}`, cause };
  }
}
