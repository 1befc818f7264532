import { InvalidOptionError } from './errors.ts';
import { similarName } from './similar-name.ts';

/** The type of an option's value; `any` if the option has its own check. */
type ValueKind = 'boolean' | 'number' | 'text' | 'function' | 'list' | 'object' | 'any';

type KindOf<Value> = unknown extends Value
  ? 'any'
  : [Value] extends [boolean]
    ? 'boolean'
    : [Value] extends [number]
      ? 'number'
      : [Value] extends [string]
        ? 'text'
        : [Value] extends [(...args: never[]) => unknown]
          ? 'function'
          : [Value] extends [readonly unknown[]]
            ? 'list'
            : [Value] extends [object]
              ? 'object' | OptionTable<Value>
              : 'any';

/**
 * Every option of a type, with the kind of its value, or the table of its nested options. The compiler requires exactly one row for each
 * option of the type.
 */
export type OptionTable<Options> = {
  readonly [Name in keyof Options]-?: KindOf<Exclude<Options[Name], undefined>> | 'any';
};

interface Rows {
  readonly [name: string]: ValueKind | Rows;
}

const TESTS: Readonly<Record<ValueKind, { readonly expected: string; readonly test: (value: unknown) => boolean }>> = {
  boolean: { expected: 'true or false', test: (value) => typeof value === 'boolean' },
  number: { expected: 'a number', test: (value) => typeof value === 'number' },
  text: { expected: 'a text', test: (value) => typeof value === 'string' },
  function: { expected: 'a function', test: (value) => typeof value === 'function' },
  list: { expected: 'an array', test: (value) => Array.isArray(value) },
  // a class instance also counts as an object: its methods have their own check
  object: { expected: 'an object', test: (value) => typeof value === 'object' && value !== null },
  any: { expected: 'anything', test: () => true },
};

/**
 * Checks the names and the kinds. Ranges are checked where defaults are filled in. An option may be left out or be undefined.
 * @param within the enclosing option, for the error: `streams`
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) for an unknown option, or a value of another kind
 */
export function checkOptions<Options extends object>(options: unknown, table: OptionTable<Options>, within = ''): void {
  check(options, table, within);
}

function check(options: unknown, rows: Rows, within: string): void {
  if (options === undefined) return;
  // a Map or an array has entries that none of the options are: it must not pass as empty
  if (!isOptions(options)) {
    throw new InvalidOptionError({ option: within === '' ? 'options' : within, value: options, expected: 'an object' });
  }
  for (const [name, value] of Object.entries(options)) {
    const row = Object.hasOwn(rows, name) ? rows[name] : undefined;
    const option = within === '' ? name : `${within}.${name}`;
    if (row === undefined) throw unknownOption(option, name, Object.keys(rows));
    if (value === undefined) continue;
    if (typeof row === 'object') check(value, row, option);
    else if (!TESTS[row].test(value)) throw new InvalidOptionError({ option, value, expected: TESTS[row].expected });
  }
}

const isOptions = (value: unknown): value is object => Object.prototype.toString.call(value) === '[object Object]';

function unknownOption(option: string, name: string, known: readonly string[]): InvalidOptionError {
  const similar = similarName(name, known);
  const expected = similar === undefined ? `one of ${known.join(', ')}` : `${similar}: did you mean that?`;
  // the value must not appear in a log: it may be the value of a misspelled token option
  return new InvalidOptionError({ option, expected, isUnknown: true });
}
