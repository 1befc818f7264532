import { InvalidOptionError } from './errors.ts';

/** Options with every default filled in. */
export type Filled<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/** The inverse: each option may be left out, or be undefined. */
export type Optional<Settings> = { readonly [Name in keyof Settings]?: Settings[Name] | undefined };

/** Both ends are included. */
export interface Range {
  readonly min: number;
  readonly max?: number;
}

/** The greatest signed 32-bit integer. */
export const MAX_INT32 = 2 ** 31 - 1;

/** Milliseconds that a timer can wait: `setTimeout` fires at once for 2^31 ms or more. */
export const TIMER_RANGE = { min: 1, max: MAX_INT32 } as const satisfies Range;

/**
 * The value of a numeric option, or its default.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option and its range
 */
export function checkNumber(option: string, value: unknown, fallback: number, { min, max = Infinity }: Range): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || Number.isNaN(value) || value < min || value > max) {
    const upper = max === Infinity ? 'up' : `to ${max}`;
    throw new InvalidOptionError({ option, value, expected: `a number from ${min} ${upper}` });
  }
  return value;
}

/**
 * Like `checkNumber`, for a count: a whole number, or `Infinity` for no limit.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function checkCount(option: string, value: unknown, fallback: number, range: Range): number {
  const count = checkNumber(option, value, fallback, range);
  if (value === undefined || count === Infinity || Number.isInteger(count)) return count;
  throw new InvalidOptionError({ option, value, expected: 'a whole number' });
}

/** One of several words, or the default. */
export function checkChoice<T extends string>(option: string, value: unknown, fallback: T, choices: readonly T[]): T {
  if (value === undefined) return fallback;
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw new InvalidOptionError({ option, value, expected: `one of ${choices.join(', ')}` });
  return choice;
}

/** An object with these methods, or undefined. It catches `redisLog` passed instead of `redisLog({ url })` at once. */
export function checkMethods<T extends object | undefined>(
  option: string,
  value: T,
  methods: readonly (keyof NonNullable<T> & string)[],
): T {
  if (value === undefined) return value;
  const isObject = typeof value === 'object' && value !== null;
  if (isObject && methods.every((method) => typeof Reflect.get(value, method) === 'function')) return value;
  throw new InvalidOptionError({ option, value, expected: `an object with the methods ${methods.join(', ')}` });
}

/**
 * Whether the application's answer allows a client what it asks for. Only `true` does. An object, a text or a promise that was not awaited
 * is a mistake, which is reported.
 */
export function isAllowed(callback: string, answer: unknown, report: (error: Error) => void): boolean {
  if (Boolean(answer) && answer !== true) {
    report(new InvalidOptionError({ option: callback, value: answer, expected: 'true or false' }));
  }
  return answer === true;
}

/** A function, or undefined. The type is the caller's: the arguments of a function cannot be checked. */
export function checkFunction<T>(option: string, value: T): T {
  if (value !== undefined && typeof value !== 'function') {
    throw new InvalidOptionError({ option, value, expected: 'a function' });
  }
  return value;
}

/** A text, or undefined. */
export function checkText(option: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw new InvalidOptionError({ option, value, expected: 'a text' });
}
