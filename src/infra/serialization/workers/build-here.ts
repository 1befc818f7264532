import { buildRecipe } from './build-recipe.ts';
import { errorOfReply } from './recipe-failure.ts';
import { argsOf, type Recipe } from './recipe.ts';

/**
 * Builds a recipe's value on this thread, from a copy of its arguments as a worker would.
 * @throws {WorkerFailedError} its module or function failed @throws {UnserializableMessageError} its arguments cannot be cloned
 */
export async function buildHere(recipe: Recipe): Promise<unknown> {
  const { url, exportName } = recipe;
  const built = await buildRecipe({ url, exportName, args: argsOf(recipe) });
  if ('kind' in built) throw errorOfReply({ url, maxBytes: Infinity }, built);
  return built.value;
}
