import { capturesOf, findPattern } from './lua-patterns.ts';
import { LuaError, LuaTable, shown, toNumber, toText, typeOf, type LuaFunction, type LuaValue } from './lua-values.ts';

const fail = (value: LuaValue, what: string): never => {
  throw new LuaError(`bad argument (${what} expected, got ${value === undefined ? 'no value' : typeOf(value)})`);
};
const text = (value: LuaValue): string => toText(value) ?? fail(value, 'string');
const number = (value: LuaValue): number => toNumber(value) ?? fail(value, 'number');
const table = (value: LuaValue): LuaTable => (value instanceof LuaTable ? value : fail(value, 'table'));

/** A place of a string, as an index from 0. */
function startOf(value: LuaValue, length: number): number {
  const place = value === undefined ? 1 : number(value);
  return place > 0 ? place - 1 : place === 0 ? 0 : Math.max(0, length + place);
}

/** Formats of `string.format` that scripts use. */
function format([pattern, ...args]: LuaValue[]): string {
  // nearly all of them
  if (pattern === '%.0f') return fixed(number(args[0]), 0);
  let next = 0;
  return text(pattern).replace(/%(%|s|d|\.(\d+)f)/g, (_all, kind: string, digits: string | undefined) => {
    if (kind === '%') return '%';
    const value = args[next++];
    if (kind === 's') return text(value);
    return kind === 'd' ? String(Math.trunc(number(value))) : fixed(number(value), Number(digits));
  });
}

function fixed(value: number, digits: number): string {
  if (digits > 0) return value.toFixed(digits);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  // C rounds a half to the even neighbour
  const rounded = Math.round(value);
  const whole = Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
  return Object.is(whole, -0) ? '-0' : String(BigInt(whole));
}

/** JSON as `cjson.decode` reads it; `null` is a value that is true. */
function fromJson(value: unknown): LuaValue {
  if (value === null) return NULL;
  if (typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'string') return Buffer.from(value).toString('latin1');
  if (Array.isArray(value)) return new LuaTable(value.map(fromJson));
  const object = new LuaTable();
  for (const [name, each] of Object.entries(Object(value))) object.set(fromJson(name), fromJson(each));
  return object;
}

const NULL = new LuaTable();

function decodeJson(value: LuaValue): LuaValue {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(text(value), 'latin1').toString());
  } catch {
    throw new LuaError('Expected value but found invalid token at character 1');
  }
  return fromJson(json);
}

const STRING: Readonly<Record<string, LuaFunction>> = {
  sub: (value, from, to) => {
    const whole = text(value);
    const last = to === undefined ? -1 : number(to);
    return [whole.slice(startOf(from, whole.length), last < 0 ? Math.max(0, whole.length + last + 1) : last)];
  },
  match: (value, pattern, from) => {
    const whole = text(value);
    const match = findPattern(whole, text(pattern), startOf(from, whole.length));
    return match === undefined ? [undefined] : capturesOf(whole, match);
  },
  find: (value, pattern, from, isPlain) => {
    const [whole, what] = [text(value), text(pattern)];
    const start = startOf(from, whole.length);
    if (isPlain !== undefined && isPlain !== false) {
      const at = whole.indexOf(what, start);
      return at < 0 ? [undefined] : [at + 1, at + what.length];
    }
    const match = findPattern(whole, what, start);
    return match === undefined ? [undefined] : [match.from + 1, match.to, ...match.captures];
  },
  gmatch: (value, pattern) => {
    const [whole, what] = [text(value), text(pattern)];
    let at = 0;
    const next = (): LuaValue[] => {
      const match = at > whole.length ? undefined : findPattern(whole, what, at);
      if (match === undefined) return [undefined];
      at = match.to === match.from ? match.to + 1 : match.to;
      return capturesOf(whole, match);
    };
    return [next];
  },
  format: (...args) => [format(args)],
  len: (value) => [text(value).length],
  rep: (value, times) => [text(value).repeat(Math.max(0, number(times)))],
};

const TABLE: Readonly<Record<string, LuaFunction>> = {
  concat: (list, between = '') => [table(list).list.map(text).join(text(between))],
  insert: (...args) => {
    const { list } = table(args[0]);
    if (args.length === 2) list.push(args[1]);
    else list.splice(number(args[1]) - 1, 0, args[2]);
    return [];
  },
};

const MATH: Readonly<Record<string, LuaFunction>> = {
  floor: (value) => [Math.floor(number(value))],
  ceil: (value) => [Math.ceil(number(value))],
  max: (...values) => [Math.max(...values.map(number))],
  min: (...values) => [Math.min(...values.map(number))],
};

/** The functions of Lua 5.1 and of Redis that the scripts of the log use. A script with another one does not compile. */
export const LIBRARY: Readonly<Record<string, LuaFunction | LuaTable>> = {
  tonumber: (value) => [toNumber(value)],
  tostring: (value) => [shown(value)],
  type: (value) => [typeOf(value)],
  unpack: (list, from, to) => {
    const all = table(list);
    const values: LuaValue[] = [];
    const last = to === undefined ? all.length : number(to);
    for (let at = from === undefined ? 1 : number(from); at <= last; at++) values.push(all.get(at));
    return values;
  },
  error: (value) => {
    throw new LuaError(value);
  },
  string: named(STRING),
  table: named(TABLE),
  math: named(MATH),
  cjson: named({ decode: (value) => [decodeJson(value)] }),
};

export function named(functions: Readonly<Record<string, LuaFunction>>): LuaTable {
  const all = new LuaTable();
  for (const [name, each] of Object.entries(functions)) all.set(name, each);
  return all;
}
