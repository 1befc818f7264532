import type { SchemaIssue, SchemaResult, StandardSchema } from '../../api/definition.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { MessageIssue } from '../../api/thread.ts';
import { isThenable } from './callback-deadline.ts';

/** What a schema says of a value. */
export type Verdict =
  { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly MessageIssue[] };

/** Maximum issues sent to a client: a message may have a thousand wrong elements. */
const MOST_ISSUES = 16;

/** Of a path or a text. */
const MOST_UNITS = 256;

/**
 * Has the schema look at a value.
 * @throws what the schema throws, now or later
 */
export function checkSchema(schema: StandardSchema, value: unknown): MaybePromise<Verdict> {
  const result = schema['~standard'].validate(value);
  return isThenable(result) ? result.then(verdictOf) : verdictOf(result);
}

function verdictOf(result: SchemaResult<unknown>): Verdict {
  // copied: arrays of a library's own class may make others of theirs
  return result.issues === undefined ? result : { issues: [...result.issues].slice(0, MOST_ISSUES).map(issueOf) };
}

/** `user.name`, `items.0`; empty for the message as a whole. */
function issueOf({ path = [], message }: SchemaIssue): MessageIssue {
  const keys = [...path].map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  return { path: keys.join('.').slice(0, MOST_UNITS), message: message.slice(0, MOST_UNITS) };
}
