import { afterEach, describe, expect, it } from 'vitest';
import { encodeSync, SegmentPool } from '../../../src/infra/serialization/slicer/slicer.ts';
import { bytesOf, cuts, encodeCut, nativeBytes } from './encode.ts';

/** Which of the user's code is called, how often, in which order, and with what. */

function recorded(make: (log: string[]) => unknown): { value: unknown; expected: string[]; log: string[] } {
  const expected: string[] = [];
  JSON.stringify(make(expected));
  const log: string[] = [];
  return { value: make(log), expected, log };
}

class Recorder {
  readonly #log: string[];
  readonly #id: number;

  constructor(log: string[], id: number) {
    this.#log = log;
    this.#id = id;
  }

  toJSON(key: unknown): unknown {
    this.#log.push(`${typeof key} ${String(key)} of ${this.#id}`);
    return { id: this.#id, pad: 'x'.repeat(this.#id % 40) };
  }
}

function recorders(log: string[]): unknown {
  return {
    list: Array.from({ length: 50 }, (_, id) => {
      if (id % 3 !== 0) return new Recorder(log, id);
      return { id, one: new Recorder(log, id), more: [new Recorder(log, id + 1000)] };
    }),
    map: Object.fromEntries(Array.from({ length: 40 }, (_, id) => [`k${id}`, new Recorder(log, id)])),
    last: new Recorder(log, 99),
  };
}

/** Objects whose every trap is logged. */
function proxies(log: string[]): unknown {
  const handler = (name: string): ProxyHandler<object> => ({
    get: (target, key, receiver) => (log.push(`${name} get ${String(key)}`), Reflect.get(target, key, receiver)),
    has: (target, key) => (log.push(`${name} has ${String(key)}`), Reflect.has(target, key)),
    ownKeys: (target) => (log.push(`${name} ownKeys`), Reflect.ownKeys(target)),
    getPrototypeOf: (target) => (log.push(`${name} prototype`), Reflect.getPrototypeOf(target)),
    getOwnPropertyDescriptor: (target, key) => {
      log.push(`${name} descriptor ${String(key)}`);
      return Reflect.getOwnPropertyDescriptor(target, key);
    },
  });
  const inner = new Proxy({ a: 1, b: 'two' }, handler('inner'));
  const array = new Proxy([1, inner, 3], handler('array'));
  return new Proxy({ array, plain: { inner }, made: { toJSON: () => inner } }, handler('outer'));
}

describe.each(cuts)('with $name', (cut) => {
  it('toJSON is called once, in order, with the key as JSON.stringify gives it', async () => {
    const { value, expected, log } = recorded(recorders);
    expect(await encodeCut(value, cut)).toStrictEqual(nativeBytes(recorders([])));
    expect(log).toStrictEqual(expected);
  });

  it('a proxy sees the traps that it sees from JSON.stringify', async () => {
    const { value, expected, log } = recorded(proxies);
    expect(await encodeCut(value, cut)).toStrictEqual(nativeBytes(proxies([])));
    expect(log).toStrictEqual(expected);
  });

  it('a Date is asked as JSON.stringify asks it', async () => {
    const log: string[] = [];
    const date = Object.assign(new Date(0), {
      toISOString: () => {
        log.push('toISOString');
        return 'mine';
      },
    });
    expect((await encodeCut([date, { date }], cut))?.toString()).toBe('["mine",{"date":"mine"}]');
    expect(log).toStrictEqual(['toISOString', 'toISOString']);
  });
});

it('with default limits, the getters of small objects are read twice', () => {
  let reads = 0;
  const value = {
    get a() {
      return ++reads;
    },
  };
  encodeSync([value, value], { pool: new SegmentPool(), maxBytes: Infinity });
  expect(reads).toBe(4);
});

describe('a toJSON on the built-in prototypes', () => {
  const patched: object[] = [];

  function patch(prototype: object, toJSON: (this: unknown, key: string) => unknown): void {
    Object.defineProperty(prototype, 'toJSON', { value: toJSON, configurable: true, writable: true });
    patched.push(prototype);
  }

  afterEach(() => {
    for (const prototype of patched.splice(0)) Reflect.deleteProperty(prototype, 'toJSON');
  });

  const values = [
    [1, [2], { a: [3] }],
    { a: [1, 2], b: { q: 1 } },
    [{ q: 1 }, 5],
    { big: 5n, bytes: Buffer.from('abc') },
  ];

  function encoded(value: unknown): string | undefined {
    return bytesOf(encodeSync(value, { pool: new SegmentPool(), maxBytes: Infinity }))?.toString();
  }

  it.each(['Array', 'Object', 'BigInt', 'Function'] as const)('of %s is called as JSON.stringify calls it', (name) => {
    // Without BigInt.prototype.toJSON, a BigInt is an error.
    if (name !== 'BigInt') patch(BigInt.prototype, String);
    patch({ Array, Object, BigInt, Function }[name].prototype, function (this: unknown, key) {
      return typeof this === 'object' && this !== null && 'q' in this ? 'Q' : `${key}!`;
    });
    for (const value of [...values, [[() => 1], { f: () => 1 }]]) expect(encoded(value)).toBe(JSON.stringify(value));
  });

  it('may come while the value is walked', () => {
    const make = (): unknown => [
      [1, 2],
      {
        toJSON: () => {
          patch(Array.prototype, () => 'patched');
          return 'now';
        },
      },
      [3, 4],
    ];
    const native = JSON.stringify(make());
    for (const prototype of patched.splice(0)) Reflect.deleteProperty(prototype, 'toJSON');
    const ours = encoded(make());
    expect([native, ours]).toStrictEqual(['[[1,2],"now","patched"]', '[[1,2],"now","patched"]']);
  });
});
