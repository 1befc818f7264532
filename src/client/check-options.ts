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
  // a Map or an array has entries that none of the options are: it must not pass as empty
  const isObject = /Object]/.test({}.toString.call(options));
  for (const [option, value] of Object.entries(isObject ? options : { options })) {
    const row = rows.get(option);
    const expected = typeof row === 'number' ? `a number from ${row}` : (row ?? `one of ${String([...rows.keys()])}`);
    const isRight =
      typeof row === 'number' && typeof value === 'number'
        ? value >= row && value <= LONGEST_TIMER && (value % 1 === 0 || option.endsWith('Ms'))
        : value !== null && expected.includes(typeof value);
    if (row && value === undefined) Reflect.deleteProperty(given, option);
    else if (!isRight) throw new InvalidOptionError({ option, expected });
  }
  return given;
}
