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

/** Changes inputs, by the dice alone. */
export class Mutator {
  readonly #dice: Dice;
  readonly #all: readonly Input[];

  /** @param all the inputs to begin with; it may grow */
  constructor(dice: Dice, all: readonly Input[]) {
    this.#dice = dice;
    this.#all = all;
  }

  next(): Input {
    const dice = this.#dice;
    let input = dice.pick(this.#all);
    // one in eight as it is: the peer gets somewhere before it goes wrong
    for (let n = dice.chance(0.125) ? 0 : dice.int(1, 3); n > 0; n--) input = this.#mutate(input);
    return dice.chance(0.01) ? { ...input, isBinary: !input.isBinary } : input;
  }

  #mutate(input: Input): Input {
    const { data, isBinary } = input;
    const end = isBinary ? data.indexOf(0) : data.length;
    const head = this.#dice.chance(0.6) && end > 0 ? parsed(data.subarray(0, end)) : undefined;
    if (head === undefined) return { data: this.#mutateBytes(data), isBinary };
    const json = Buffer.from(JSON.stringify(this.#mutateValue(head.value, 0)) ?? '');
    return { data: Buffer.concat([json, data.subarray(end)]), isBinary };
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
    const other = parsed(this.#dice.pick(this.#all).data)?.value;
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
        const other = dice.pick(this.#all).data;
        return Buffer.concat([before, other.subarray(dice.int(0, other.length))]);
      }
      default:
        return before;
    }
  }
}

const EMPTY = Buffer.alloc(0);

function parsed(data: Buffer): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(data.toString()) };
  } catch {
    return undefined;
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < depth; n++) value = n % 2 === 0 ? [value] : { d: value };
  return value;
}
