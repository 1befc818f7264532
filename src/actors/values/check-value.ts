import type { MaybePromise } from '../../api/message.ts';
import type { ThreadDefinition } from '../../api/definition.ts';
import { checkSchema, type Verdict } from '../support/schema-check.ts';

/** Keys that begin with this are those of `threadcast/presence`: no definition has them. */
export const OWN_KEYS = '~';

/** What the definition of its thread makes of a value: a definition with values has no others. */
export function checkValue(
  definition: ThreadDefinition | undefined,
  key: string,
  value: unknown,
): MaybePromise<Verdict> {
  const schemas = key.startsWith(OWN_KEYS) ? undefined : definition?.parts.values;
  if (schemas === undefined || Object.keys(schemas).length === 0) return { value };
  const schema = Object.hasOwn(schemas, key) ? schemas[key] : undefined;
  if (schema === undefined) return { issues: [{ path: key, message: 'the definition has no such value' }] };
  return value === undefined ? { value } : checkSchema(schema, value);
}
