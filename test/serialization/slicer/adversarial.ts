import * as fc from 'fast-check';

/** Values chosen to tell a serializer from `JSON.stringify`. Nothing here throws while it is being serialized. */

class Point {
  readonly x: unknown;
  readonly y: unknown;

  constructor(x: unknown, y: unknown) {
    this.x = x;
    this.y = y;
  }

  get inherited(): number {
    throw new Error('an inherited getter must not run');
  }
}

class WithToJSON {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }

  toJSON(key: string): unknown {
    return { key, value: this.value };
  }
}

/** Its result is used as it is: that has a `toJSON` as well must not matter. */
class ToThing {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  toJSON(): unknown {
    return this.#value;
  }
}

class SubArray extends Array<unknown> {}

function define(target: object, key: string, value: unknown, enumerable = true): void {
  Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true });
}

function defineGetter(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { get: () => value, enumerable: true, configurable: true });
}

function functionWithToJSON(value: unknown): unknown {
  return Object.assign(() => 1, { toJSON: () => value });
}

const nastyUnits = ['\ud83d', '\ude00', '😀', '"', '\\', '\n', '\u0000', '\u001f', '\u2028', 'é', '日', 'x', '\u007f'];

export const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 }).map((units) => String.fromCharCode(...units)),
  fc.array(fc.constantFrom(...nastyUnits), { maxLength: 12 }).map((units) => units.join('')),
);

const key = fc.oneof(
  text,
  fc.constantFrom('__proto__', 'toString', 'constructor', '0', '10', '-1', '', 'length', 'hasOwnProperty'),
  fc.nat(20).map(String),
);

const primitive = fc.oneof(
  text,
  fc.double(),
  fc.integer(),
  fc.constantFrom(null, true, false, undefined, NaN, Infinity, -0, 1e21, 5e-324, Symbol('s')),
  fc.constantFrom<unknown>(() => 1, /re/, new Map([[1, 2]]), new Set([1])),
  fc.date({ noInvalidDate: false }),
);

const typedArray = fc.oneof(
  fc.array(fc.double(), { maxLength: 5 }).map((values) => new Float64Array(values)),
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => Object.assign(bytes, { extra: 1 })),
);

const boxed = fc.constantFrom<unknown>(
  Object(3),
  Object(NaN),
  Object(false),
  Object('s"\ud800t'),
  Object('long "boxed" text '.repeat(5)),
  Object(Symbol('x')),
);

const raw: fc.Arbitrary<unknown> = fc
  .constantFrom('1', '"text"', 'null', '12345678901234567890', '"😀 a longer raw text"')
  .map((json) => rawJSON(json));

function rawJSON(json: string): unknown {
  const make: unknown = Reflect.get(JSON, 'rawJSON');
  return typeof make === 'function' ? make(json) : JSON.parse(json);
}

const { value: anyValue } = fc.letrec<{ value: unknown; array: unknown[]; object: object; special: unknown }>(
  (tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'medium', withCrossShrink: true },
      primitive,
      tie('array'),
      tie('object'),
      tie('special'),
    ),
    array: fc.array(tie('value'), { maxLength: 8 }),
    object: fc.array(fc.tuple(key, tie('value')), { maxLength: 8 }).map((entries) => {
      const object = {};
      for (const [name, value] of entries) define(object, name, value);
      return object;
    }),
    special: fc.oneof(
      fc.tuple(fc.array(tie('value'), { maxLength: 4 }), fc.nat(12)).map(([array, holes]) => {
        const sparse = array.slice();
        sparse.length += holes;
        sparse[sparse.length + 1] = 1;
        return sparse;
      }),
      fc.array(tie('value'), { maxLength: 4 }).map((array) => SubArray.from(array)),
      fc.tuple(key, tie('value')).map(([name, value]) => {
        const object: object = Object.create(null);
        define(object, name, value);
        return object;
      }),
      tie('value').map((value) => new WithToJSON(value)),
      tie('value').map((value) => new ToThing(value)),
      tie('value').map((value) => new ToThing({ value, toJSON: () => 'a result has no toJSON of its own' })),
      fc.constant(new ToThing(functionWithToJSON('not this'))),
      fc.constant(new ToThing(new Date(0))),
      fc.constant(new ToThing(Buffer.from('bytes'))),
      fc.tuple(tie('value'), tie('value')).map(([x, y]) => new Point(x, y)),
      fc.tuple(key, tie('value')).map(([name, value]) => {
        const object = { a: 1 };
        defineGetter(object, name, value);
        return object;
      }),
      fc.tuple(key, tie('value')).map(([name, value]) => {
        const object = { a: 1 };
        define(object, name, value, false);
        return object;
      }),
      tie('value').map((value) => {
        const object: object = Object.create(new Point(1, { inherited: value }));
        define(object, 'own', value);
        return object;
      }),
      tie('object').map((object) => new Proxy(object, {})),
      tie('array').map((array) => new Proxy(array, {})),
      tie('value').map((value) => {
        const shared = { value };
        return [shared, shared, { shared }];
      }),
      tie('value').map((value) => ({ f: functionWithToJSON(value) })),
      tie('value').map((value) => Object.assign(new Date(1e12), { toISOString: () => value })),
      text.map((some) => some.repeat(30)),
      typedArray,
      boxed,
      raw,
    ),
  }),
);

export { anyValue };

/** Values, or parts of them, that make JSON.stringify throw. */
export const offender = fc.oneof(
  fc.bigInt(),
  fc.constant(Object(1n)),
  fc.constant(new BigInt64Array(3)),
  fc.constant(new ToThing(1n)),
  fc.constantFrom<unknown>(
    {
      get a(): never {
        throw new Error('a getter throws');
      },
    },
    {
      toJSON(): never {
        throw new Error('toJSON throws');
      },
    },
    {
      get toJSON(): never {
        throw new Error('the getter of toJSON throws');
      },
    },
  ),
);
