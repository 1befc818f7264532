import { LuaError, LuaTable, toNumber, toText, typeOf, type LuaFunction, type LuaValue } from './lua-values.ts';

/** What a compiled script calls for an operator of Lua, by the name that it has there. */
export const OPERATORS = {
  table: (list: LuaValue[], ...fields: [LuaValue, LuaValue][]): LuaTable => {
    const table = new LuaTable(list);
    for (const [key, value] of fields) table.set(key, value);
    return table;
  },
  get: (table: LuaValue, key: LuaValue): LuaValue => {
    if (table instanceof LuaTable) return table.get(key);
    throw new LuaError(`attempt to index a ${typeOf(table)} value`);
  },
  set: (table: LuaValue, key: LuaValue, value: LuaValue): void => {
    if (!(table instanceof LuaTable)) throw new LuaError(`attempt to index a ${typeOf(table)} value`);
    table.set(key, value);
  },
  fn: (value: LuaValue): LuaFunction => {
    if (typeof value === 'function') return value;
    throw new LuaError(`attempt to call a ${typeOf(value)} value`);
  },
  num: (value: LuaValue): number => {
    const number = typeof value === 'number' ? value : toNumber(value);
    if (number === undefined) throw new LuaError(`attempt to perform arithmetic on a ${typeOf(value)} value`);
    return number;
  },
  str: (value: LuaValue): string => {
    const text = typeof value === 'string' ? value : toText(value);
    if (text === undefined) throw new LuaError(`attempt to concatenate a ${typeOf(value)} value`);
    return text;
  },
  len: (value: LuaValue): number => {
    if (typeof value === 'string' || value instanceof LuaTable) return value.length;
    throw new LuaError(`attempt to get length of a ${typeOf(value)} value`);
  },
  lt: (a: LuaValue, b: LuaValue): boolean => {
    if (typeof a === 'number' && typeof b === 'number') return a < b;
    if (typeof a === 'string' && typeof b === 'string') return a < b;
    throw notComparable(a, b);
  },
  le: (a: LuaValue, b: LuaValue): boolean => {
    if (typeof a === 'number' && typeof b === 'number') return a <= b;
    if (typeof a === 'string' && typeof b === 'string') return a <= b;
    throw notComparable(a, b);
  },
  // both sides are read in their order
  gt: (a: LuaValue, b: LuaValue): boolean => OPERATORS.lt(b, a),
  ge: (a: LuaValue, b: LuaValue): boolean => OPERATORS.le(b, a),
  /** The remainder has the sign of the divisor. */
  mod: (a: number, b: number): number => a - Math.floor(a / b) * b,
  /** A range of a `for`. */
  range: (value: LuaValue, what: string): number => {
    const number = toNumber(value);
    if (number === undefined) throw new LuaError(`'for' ${what} must be a number`);
    return number;
  },
};

function notComparable(a: LuaValue, b: LuaValue): LuaError {
  const [of, and] = [typeOf(a), typeOf(b)];
  return new LuaError(of === and ? `attempt to compare two ${of} values` : `attempt to compare ${of} with ${and}`);
}
