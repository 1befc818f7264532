import type { Dice } from '../sim/dice.ts';
import type { Input } from './input.ts';

/** What breaks parsers, counters and lookups: ends of ranges, other types, names that objects have by themselves, odd Unicode. */
const ODD: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1,
  0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e308,
  '',
  ' ',
  '0',
  '-1',
  '__proto__',
  'constructor',
  'toString',
  '\u0000',
  '\ud800',
  '\u{1f600}',
  '~inbox',
  '*',
  'room:*',
  '../..',
  '%00',
  'a'.repeat(129),
  'a'.repeat(300),
  [],
  {},
  [[]],
  [null],
  { length: 1 },
  { toJSON: 1 },
  JSON.parse('{"__proto__":{"t":"join"}}'),
];

/** Texts that a JSON value cannot have, in a document. */
const ODD_TEXTS = [
  'NaN',
  '1e400',
  '-',
  '"\\ud800"',
  '{',
  ']',
  '""',
  '\u0000',
  '\ufeff',
  '//',
  "'",
  '\\',
  '1e-400',
  '00',
];

/** Byte sequences that are no UTF-8, or end something. */
const ODD_BYTES = [[0], [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [13, 10], [13, 10, 13, 10]];

/** What a text is in JSON, and the bytes behind it. */
interface Document {
  readonly value: unknown;
  readonly rest: Buffer;
}

/** Changes inputs, by the dice alone. */
export class Mutator {
  readonly #dice: Dice;
  readonly #pick: () => Input;
  /** Of inputs that were picked before: most of what an input costs is its JSON. */
  readonly #documents = new WeakMap<Input, Document | typeof NONE>();

  /** @param pick gives an input to begin with, by the same dice */
  constructor(dice: Dice, pick: () => Input) {
    this.#dice = dice;
    this.#pick = pick;
  }

  next(): Input {
    const dice = this.#dice;
    const picked = this.#pick();
    // one in eight as it is: the peer gets somewhere before it goes wrong
    const input = dice.chance(0.125) ? picked : this.#mutate(picked, dice.int(1, 3));
    return dice.chance(0.01) ? { ...input, isBinary: !input.isBinary } : input;
  }

  /** Mostly a document still: a parser refuses nearly all others at its first step, and many of them end a connection. */
  #mutate(input: Input, times: number): Input {
    const { isBinary } = input;
    const document = this.#documentOf(input);
    let { data } = input;
    if (document !== undefined && this.#dice.chance(0.85)) {
      let { value } = document;
      for (let n = times; n > 0; n--) value = this.#mutateValue(value, 0);
      data = Buffer.from(JSON.stringify(value) ?? '');
      if (document.rest.length > 0) data = Buffer.concat([data, document.rest]);
      if (this.#dice.chance(0.95)) return { data, isBinary };
    }
    for (let n = times; n > 0; n--) data = this.#mutateBytes(data);
    return { data, isBinary };
  }

  #documentOf(input: Input): Document | undefined {
    let document = this.#documents.get(input);
    if (document === undefined) {
      const { data, isBinary } = input;
      const end = isBinary ? data.indexOf(0) : data.length;
      document = (end > 0 ? parsed(data.subarray(0, end), data.subarray(end)) : undefined) ?? NONE;
      this.#documents.set(input, document);
    }
    return document === NONE ? undefined : document;
  }

  /** Another value at one place in it. */
  #mutateValue(value: unknown, depth: number): unknown {
    const dice = this.#dice;
    if (typeof value !== 'object' || value === null || depth > 6 || dice.chance(0.1)) return this.#instead(value);
    const entries = Object.entries(value);
    const at = dice.int(0, Math.max(0, entries.length - 1));
    const [key, old] = entries[at] ?? ['t', undefined];
    if (Array.isArray(value)) {
      const items: unknown[] = [...value];
      const what = dice.random();
      if (what < 0.2) items.splice(at, 1);
      else if (what < 0.4) items.push(...items);
      else items[at] = this.#mutateValue(old, depth + 1);
      return items;
    }
    const what = dice.random();
    if (what < 0.15) entries.splice(at, 1);
    else if (what < 0.3) entries.push([dice.pick(this.#keys()), dice.pick(ODD)]);
    else entries[at] = [key, this.#mutateValue(old, depth + 1)];
    return Object.fromEntries(entries);
  }

  #instead(value: unknown): unknown {
    const dice = this.#dice;
    if (typeof value === 'number' && dice.chance(0.5)) return value + dice.pick([-1, 1, 0.5, 256, 65_536, 2 ** 32]);
    if (typeof value === 'string' && dice.chance(0.5)) {
      const at = dice.int(0, value.length);
      return value.slice(0, at) + String(dice.pick(ODD)) + value.slice(dice.chance(0.5) ? at : at + 1);
    }
    return dice.chance(0.1) ? nested(dice.int(2, 200)) : dice.pick(ODD);
  }

  /** Field names that another input has. */
  #keys(): string[] {
    const other = this.#documentOf(this.#pick())?.value;
    const keys = typeof other === 'object' && other !== null ? Object.keys(other) : [];
    return keys.length > 0 ? keys : ['t'];
  }

  #mutateBytes(data: Buffer): Buffer {
    const dice = this.#dice;
    const [from, to] = [dice.int(0, data.length), dice.int(0, data.length)].toSorted((a, b) => a - b);
    const [before, middle, after] = [data.subarray(0, from), data.subarray(from, to), data.subarray(to)];
    switch (dice.int(0, 6)) {
      case 0: {
        const copy = Buffer.from(data);
        if (copy.length > 0) copy[dice.int(0, copy.length - 1)] = dice.int(0, 255);
        return copy;
      }
      case 1:
        return Buffer.concat([before, after]);
      case 2:
        return Buffer.concat([before, Buffer.from(dice.pick(ODD_TEXTS)), dice.chance(0.5) ? middle : EMPTY, after]);
      case 3:
        return Buffer.concat([before, Buffer.from(dice.pick(ODD_BYTES)), middle, after]);
      case 4:
        return Buffer.concat([before, ...Array.from({ length: dice.int(2, 8) }, () => middle), after]).subarray(
          0,
          65_536,
        );
      case 5: {
        const other = this.#pick().data;
        return Buffer.concat([before, other.subarray(dice.int(0, other.length))]);
      }
      default:
        return before;
    }
  }
}

const EMPTY = Buffer.alloc(0);

/** No document. */
const NONE = Symbol('none');

function parsed(data: Buffer, rest: Buffer): Document | undefined {
  try {
    return { value: JSON.parse(data.toString()), rest };
  } catch {
    return undefined;
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < depth; n++) value = n % 2 === 0 ? [value] : { d: value };
  return value;
}
