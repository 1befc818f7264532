import { isFields } from './fields.ts';
import { InvalidOptionError } from './errors.ts';

/** `setTimeout` fires at once for 2^31 ms or more. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Every option, with the `typeof` of its value, as a pattern. A number is the minimum of a numeric option, which is whole unless it is a time. */
type OptionTable<Options> = { readonly [Name in keyof Options]-?: string | number };

/** Without the options that are undefined. */
type Given<Options> = { readonly [Name in keyof Options]?: Exclude<Options[Name], undefined> };

/**
 * The given options. An option may be left out or be undefined.
 * @throws InvalidOptionError for an unknown option, one of another kind, and a number out of its range
 */
export function checkOptions<Options extends object>(options: Options, table: OptionTable<Options>): Given<Options> {
  const given = { ...options };
  const rows = new Map<string, string | number>(Object.entries(table));
  for (const [option, value] of Object.entries(isFields(options) ? options : { options })) {
    const row = rows.get(option) ?? `one of ${[...rows.keys()].join()}`;
    const isNumber = typeof row === 'number';
    const isRight =
      isNumber && typeof value === 'number'
        ? value >= row && value <= LONGEST_TIMER && (value % 1 === 0 || option.endsWith('Ms'))
        : value !== null && RegExp(`${row}`).test(typeof value);
    const expected = isNumber ? `a number from ${row}` : row;
    if (value === undefined && rows.has(option)) Reflect.deleteProperty(given, option);
    else if (!isRight) throw new InvalidOptionError({ option, expected });
  }
  return given;
}
