import { InvalidOptionError } from '../../errors.ts';

/**
 * Checks the name of a schema, which becomes part of SQL texts.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function checkSchema(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,39}$/.test(schema)) return schema;
  throw new InvalidOptionError({
    option: 'log.schema',
    value: schema,
    expected: '1 to 40 lowercase letters, digits and underscores',
  });
}
