import type { PreparedMessage } from '../../../api/message.ts';
import { checkOptions, type OptionTable } from '../../option-table.ts';
import { asError, InvalidOptionError, UnserializableMessageError } from '../../errors.ts';

export interface RecipeOptions {
  /**
   * The name of the module's export to call.
   * @default 'default'
   */
  readonly export?: string | undefined;
  /**
   * Allows the function to run on the main thread as well. It does so while workers keep failing (the serializer is `degraded`), instead of
   * the send being refused. The module is imported here, the function holds the event loop for as long as it takes, and its result is
   * serialized in slices.
   * @default false
   */
  readonly runsHere?: boolean | undefined;
}

const RECIPE_OPTIONS: OptionTable<RecipeOptions> = { export: 'any', runsHere: 'boolean' };

/**
 * A message that does not exist yet: a module and its arguments, to be built and serialized in a worker thread. Made by
 * {@link inWorker}; a class, so that no object of a user's can be mistaken for one.
 */
export class Recipe implements PreparedMessage {
  readonly '~prepared' = true;
  // `instanceof` would run a trap of a message that is a proxy; looking for a private name does not.
  readonly #isRecipe = true;
  /** The module, as a `file:` or `data:` URL. */
  readonly url: string;
  readonly exportName: string;
  /** What the function is called with. */
  readonly args: unknown;
  /** See `RecipeOptions`. */
  readonly runsHere: boolean;

  /** @internal use {@link inWorker} */
  constructor(url: string, exportName: string, args: unknown, runsHere: boolean) {
    this.url = url;
    this.runsHere = runsHere;
    this.exportName = exportName;
    this.args = args;
    Object.freeze(this);
  }

  /** @internal */
  static isRecipe(value: unknown): value is Recipe {
    return typeof value === 'object' && value !== null && #isRecipe in value && value.#isRecipe;
  }
}

/**
 * Builds a message in a worker: the worker imports the module, calls its function with `args`, awaits the result and serializes it. Only
 * the bytes come back, so the object itself costs this thread nothing. A worker's modules stay loaded: use module scope for a database pool
 * or a cache, one for each worker.
 *
 * @param url the module, a `file:` or `data:` URL. Each distinct `data:` URL stays in the workers' module cache, so use few of them.
 * @param args structured-cloned when the message is sent. Keep them small (an id, a date range), because the clone is made here.
 * @throws {InvalidOptionError} for a URL that no worker may load
 *
 * @example
 * ```ts
 * await hub.thread('sales').send(inWorker(new URL('./report.js', import.meta.url), { month: '2026-01' }))
 * ```
 */
export function inWorker(url: URL | string, args?: unknown, options: RecipeOptions = {}): Recipe {
  checkOptions<RecipeOptions>(options, RECIPE_OPTIONS, 'inWorker options');
  const exportName = options.export ?? 'default';
  if (typeof exportName !== 'string' || exportName === '') {
    throw new InvalidOptionError({ option: 'inWorker export', value: exportName, expected: 'the name of an export' });
  }
  return new Recipe(moduleUrl(url), exportName, args, options.runsHere === true);
}

export function isRecipe(value: unknown): value is Recipe {
  return Recipe.isRecipe(value);
}

/**
 * The arguments as they are now: a worker may read them much later, when the caller has changed them.
 * @throws UnserializableMessageError if they cannot be cloned
 */
export function argsOf({ args }: Recipe): unknown {
  try {
    return structuredClone(args);
  } catch (cause) {
    throw new UnserializableMessageError({ reason: `the recipe's arguments: ${asError(cause).message}`, cause });
  }
}

/** Nothing from the network, and no `node:` built-in: a message must not be able to name code that the application did not ship. */
function moduleUrl(url: URL | string): string {
  const parsed = URL.parse(String(url));
  if (parsed?.protocol === 'file:' || parsed?.protocol === 'data:') return parsed.href;
  throw new InvalidOptionError({ option: 'inWorker url', value: String(url), expected: 'a file: or data: URL' });
}
