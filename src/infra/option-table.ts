import { InvalidOptionError } from './errors.ts';
import { similarName } from './similar-name.ts';

/** What an option's value is, where it is given; `any` where its own check has to tell. */
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
 * Every option there is, with the kind of its value, or the table of the options in it. The compiler asks for a row for each option of
 * the type, and for none besides.
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
  // a class can stand for an object: its methods are looked at by their own check
  object: { expected: 'an object', test: (value) => typeof value === 'object' && value !== null },
  any: { expected: 'anything', test: () => true },
};

/**
 * Looks at the names and the kinds; ranges are checked where the defaults are filled in. An option may be left out or be undefined.
 * @param within the option that they are in, for the error: `streams`
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) for an option that there is not, or one of another kind
 */
export function checkOptions<Options extends object>(options: unknown, table: OptionTable<Options>, within = ''): void {
  check(options, table, within);
}

function check(options: unknown, rows: Rows, within: string): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
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

function unknownOption(option: string, name: string, known: readonly string[]): InvalidOptionError {
  const similar = similarName(name, known);
  const expected = similar === undefined ? `one of ${known.join(', ')}` : `${similar}: did you mean that?`;
  // its value is nobody's to read in a log: it may be a misspelled token
  return new InvalidOptionError({ option, expected, isUnknown: true });
}
