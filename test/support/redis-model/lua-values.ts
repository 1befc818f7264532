/** What a Lua function gets and returns; a string has a character for each byte. */
export type LuaValue = undefined | boolean | number | string | LuaTable | LuaFunction;
export type LuaFunction = (...args: LuaValue[]) => LuaValue[];

/** What `error` was called with, or what Lua itself refuses. */
export class LuaError extends Error {
  readonly value: LuaValue;

  constructor(value: LuaValue) {
    super(shown(value));
    this.value = value;
  }
}

/** A table: a list, and names beside it. */
export class LuaTable {
  readonly list: LuaValue[];
  readonly #names = new Map<LuaValue, LuaValue>();

  /** @param list keys from 1 on */
  constructor(list: LuaValue[] = []) {
    this.list = list;
    this.#trim();
  }

  get length(): number {
    return this.list.length;
  }

  get(key: LuaValue): LuaValue {
    const value = typeof key === 'number' ? this.list[key - 1] : undefined;
    return value ?? this.#names.get(key);
  }

  set(key: LuaValue, value: LuaValue): void {
    if (key === undefined) throw new LuaError('table index is nil');
    if (typeof key === 'number' && Number.isInteger(key) && key >= 1 && key <= this.list.length + 1) {
      this.list[key - 1] = value;
      if (value === undefined) this.#trim();
      else this.#names.delete(key);
      this.#grow();
    } else if (value === undefined) this.#names.delete(key);
    else this.#names.set(key, value);
  }

  /** Entries in the order of `pairs`. */
  entries(): [LuaValue, LuaValue][] {
    const listed = this.list.map((value, i): [LuaValue, LuaValue] => [i + 1, value]);
    return [...listed.filter(([, value]) => value !== undefined), ...this.#names];
  }

  /** Keys that follow the list belong to it. */
  #grow(): void {
    if (this.#names.size === 0) return;
    for (let next = this.#names.get(this.list.length + 1); next !== undefined;) {
      this.#names.delete(this.list.length + 1);
      this.list.push(next);
      next = this.#names.get(this.list.length + 1);
    }
  }

  #trim(): void {
    while (this.list.length > 0 && this.list.at(-1) === undefined) this.list.pop();
  }
}

export function typeOf(value: LuaValue): string {
  if (value === undefined) return 'nil';
  return value instanceof LuaTable ? 'table' : typeof value;
}

/** As `%.14g` of C: what Lua 5.1 makes of a number. */
export const numberText = (value: number): string => general(value, 14);

/** As `%.<precision>g` of C. */
export function general(value: number, precision: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 10 ** Math.min(precision, 15)) {
    return Object.is(value, -0) ? '-0' : String(value);
  }
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const [digits = '', power = '0'] = value.toExponential(precision - 1).split('e');
  const exponent = Number(power);
  const plain = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent < -4 || exponent >= precision) {
    return `${plain(digits)}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return plain(value.toFixed(Math.min(100, Math.max(0, precision - 1 - exponent))));
}

const DECIMAL = /^[ \t\n\v\f\r]*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?0x[\da-f]+)[ \t\n\v\f\r]*$/i;

/** The number that a string stands for. */
export function toNumber(value: LuaValue): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const [, digits] = DECIMAL.exec(value) ?? [];
  if (digits === undefined) return undefined;
  return digits.startsWith('-') ? -Number(digits.slice(1)) : Number(digits);
}

export function toText(value: LuaValue): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? numberText(value) : undefined;
}

/** As `tostring` of Lua; a table or function has no address here. */
export const shown = (value: LuaValue): string =>
  toText(value) ?? (typeof value === 'boolean' ? String(value) : typeOf(value));
