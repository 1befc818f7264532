import { InvalidOptionError } from './errors.ts';
import { fieldsOf } from './fields.ts';

/** Every option there is, with what `typeof` may say of its value. */
type OptionTable<Options> = { readonly [Name in keyof Options]-?: string };

/**
 * An option may be left out or be undefined.
 * @throws InvalidOptionError for an option that there is not, or one of another kind
 */
export function checkOptions<Options extends object>(options: Options, table: OptionTable<Options>): void {
  const rows = new Map<string, string>(Object.entries(table));
  const fields = fieldsOf(options);
  if (fields === undefined) throw new InvalidOptionError('options', 'an object');
  for (const [name, value] of Object.entries(fields)) {
    const kinds = rows.get(name);
    if (kinds === undefined) {
      const names = [...rows.keys()];
      const meant = names.find((known) => known.toLowerCase() === name.toLowerCase());
      throw new InvalidOptionError(
        name,
        meant === undefined ? `one of ${names.join()}` : `${meant}: did you mean that?`,
      );
    }
    const kind = value === null ? 'null' : typeof value;
    if (value !== undefined && !kinds.split('|').includes(kind)) throw new InvalidOptionError(name, kinds);
  }
}
