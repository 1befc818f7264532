import type { EncodedRecipe } from './pool-job.ts';
import type { RecipePoolOptions, RecipePoolStats } from './recipe-pool-options.ts';
import type { Recipe } from './recipe.ts';

/** Builds and serializes recipes off the event loop. The simulator has one of its own. */
export interface Workers {
  /** False if the last attempt to start a worker was refused, as in a process that may not have any. */
  readonly canStart: boolean;
  readonly stats: Pick<RecipePoolStats, 'queued' | 'running' | 'threads'>;
  /** Resolves to the encoded message, of which the caller owns the one reference. Rejects with coded errors; see `RecipePool.run`. */
  run(recipe: Recipe): Promise<EncodedRecipe>;
  /** Cancels the work in progress, and resolves when all workers have ended. */
  close(): Promise<void>;
}

/** Creates the workers of one hub. None of them starts before the first recipe. */
export type OpenWorkers = (options: RecipePoolOptions) => Workers;
