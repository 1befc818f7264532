import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnserializableMessageError } from '../../../src/infra/errors.ts';
import { encodeSliced, encodeSync, SegmentPool } from '../../../src/infra/serialization/slicer/slicer.ts';
import { anyValue, offender } from './adversarial.ts';
import { bytesOf, cuts, encodeCut, encodeOptions, nativeBytes, rejectionOf, resultOf } from './encode.ts';
import { ManualLoop } from './manual-loop.ts';
import { trials } from '../../support/tier.ts';

const RUNS = 2_500;

describe.each(cuts)('with $name', (cut) => {
  it('the bytes are those of JSON.stringify', async () => {
    await fc.assert(
      fc.asyncProperty(anyValue, async (value) => {
        expect((await encodeCut(value, cut))?.toString()).toBe(nativeBytes(value)?.toString());
      }),
      trials(RUNS),
    );
  });

  it('the bytes parse back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 6 }), async (value) => {
        const bytes = await encodeCut(value, cut);
        expect(JSON.parse(bytes?.toString() ?? '')).toStrictEqual(JSON.parse(JSON.stringify(value)));
      }),
      trials(RUNS / 4),
    );
  });

  it('throws where JSON.stringify throws, with what was thrown as the cause', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyValue, { maxLength: 6 }),
        offender,
        fc.nat(6),
        fc.boolean(),
        async (array, bad, at, isDeep) => {
          const value = { array: array.toSpliced(at, 0, isDeep ? { deep: [{ bad }] } : bad) };
          const native = thrownBy(() => JSON.stringify(value));
          const ours = await rejectionOf(encodeCut(value, cut));
          expect(ours).toBeInstanceOf(UnserializableMessageError);
          expect(ours).toMatchObject({ message: expect.stringMatching(reasonFor(native)) });
          expect(causeOf(ours)).toBe(causeFor(native));
        },
      ),
      trials(RUNS / 4),
    );
  });

  it('a cycle is an error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyValue, { maxLength: 4 }), fc.nat(5), async (array, depth) => {
        const root: Record<string, unknown> = { array };
        let value: unknown = root;
        for (let level = 0; level < depth; level++) value = level % 2 === 0 ? { value } : [value];
        root['loop'] = value;
        expect(() => JSON.stringify(root)).toThrow(/circular/);
        await expect(encodeCut(root, cut)).rejects.toThrow(/a cycle at \$\.loop/);
      }),
      trials(RUNS / 10),
    );
  });

  it('jobs that run at the same time do not disturb each other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyValue, { minLength: 2, maxLength: 6 }), async (values) => {
        const loop = new ManualLoop(1000);
        const options = encodeOptions(cut, loop);
        const settled = Promise.all(values.map((value) => resultOf(encodeSliced(value, options))));
        loop.drain();
        const results = await settled;
        for (const [index, result] of results.entries()) {
          expect(bytesOf(result)?.toString()).toBe(nativeBytes(values[index])?.toString());
          result.body?.release();
        }
        expect(options.pool.inUse).toBe(0);
      }),
      trials(RUNS / 10),
    );
  });
});

it('synchronous encoding gives the same bytes', () => {
  const pool = new SegmentPool();
  fc.assert(
    fc.property(anyValue, (value) => {
      const result = encodeSync(value, { pool, maxBytes: Infinity });
      expect(bytesOf(result)?.toString()).toBe(nativeBytes(value)?.toString());
      result.body?.release();
    }),
    trials(RUNS / 4),
  );
  expect(pool.inUse).toBe(0);
});

it.each([undefined, () => 1, Symbol('x'), { toJSON: () => undefined }])('%o has no JSON', async (value) => {
  for (const cut of cuts) expect(await encodeCut(value, cut)).toBeUndefined();
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

function isAboutBigInt(native: unknown): boolean {
  return native instanceof Error && native.message.includes('BigInt');
}

/** Our words for what JSON.stringify has thrown. */
function reasonFor(native: unknown): RegExp {
  return isAboutBigInt(native) ? /a BigInt has no JSON form at \$/ : /(toJSON|reading it) threw at \$/;
}

/** The message of the cause that our error has to have: none for a BigInt, which is no error of user code. */
function causeFor(native: unknown): string | undefined {
  return native instanceof Error && !isAboutBigInt(native) ? native.message : undefined;
}

function causeOf(error: unknown): string | undefined {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : undefined;
}
