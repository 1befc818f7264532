import type { ThreadDefinition } from '../../api/definition.ts';
import { InvalidMessageError } from '../../infra/errors.ts';
import { Preencoded } from '../../infra/serialization/preencoded.ts';
import { isStreamed } from '../../infra/serialization/slicer/streamed.ts';
import { isRecipe } from '../../infra/serialization/workers/recipe.ts';
import { isThenable } from '../support/callback-deadline.ts';
import { checkSchema, type Verdict } from '../support/schema-check.ts';

/** How deep a source is looked for in a message that a schema refuses. */
const MOST_LEVELS = 8;

/**
 * Development mode: holds what is sent against the definition of its thread. Bytes, recipes and messages with a source (`streamArray`) are
 * not checked: there is no value yet. At once where the schema answers at once.
 * @throws InvalidMessageError (`TC_INVALID_MESSAGE`), and what the schema throws
 */
export function checkMessage(
  definition: ThreadDefinition,
  threadId: string,
  message: unknown,
): Promise<void> | undefined {
  if (Preencoded.isPreencoded(message) || isRecipe(message)) return undefined;
  const decide = ({ issues }: Verdict): void => {
    if (issues === undefined || hasSource(message, MOST_LEVELS)) return;
    throw new InvalidMessageError({ threadId, pattern: definition.pattern, issues });
  };
  const verdict = checkSchema(definition.parts.message, message);
  if (isThenable(verdict)) return verdict.then(decide);
  decide(verdict);
  return undefined;
}

function hasSource(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null || levels === 0) return false;
  return isStreamed(value) || Object.values(value).some((field) => hasSource(field, levels - 1));
}
