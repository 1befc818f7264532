import { randomBytes } from 'node:crypto';
import { inflateRawSync, constants } from 'node:zlib';
import { expect, it } from 'vitest';
import { DeflatedParts } from '../../src/infra/wire/deflated-part-frames.ts';

const textOf = (n: number): string => `part ${n} `.repeat(5_000);

function partsOf(count: number, text: (n: number) => string = textOf): DeflatedParts {
  return new DeflatedParts({ type: 'text', count, payload: (n) => Buffer.from(text(n), 'latin1') }, 15, 4);
}

/** As a reader gets it: at once, or when it is ready. */
function read(parts: DeflatedParts, n: number): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const frame = parts.frame(n, resolve);
    if (frame !== undefined) resolve(frame);
  });
}

function textIn(frame: Uint8Array): { isCompressed: boolean; text: string } {
  const bytes = Buffer.from(frame);
  const short = bytes.readUInt8(1);
  const payload = bytes.subarray(short < 126 ? 2 : short === 126 ? 4 : 10);
  const isCompressed = bytes.readUInt8(0) === 0xc1;
  if (!isCompressed) return { isCompressed, text: payload.toString('latin1') };
  const whole = Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]);
  return { isCompressed, text: inflateRawSync(whole, { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1') };
}

it('each part is a message by itself, compressed where that is worth it', async () => {
  const noise = randomBytes(3_000).toString('latin1');
  const parts = partsOf(3, (n) => (n === 1 ? noise : textOf(n)));
  const frames = [textIn(await read(parts, 0)), textIn(await read(parts, 1)), textIn(await read(parts, 2))];
  expect(frames).toEqual([
    { isCompressed: true, text: textOf(0) },
    { isCompressed: false, text: noise },
    { isCompressed: true, text: textOf(2) },
  ]);
});

it('a part that somebody is at is compressed once', async () => {
  let made = 0;
  const parts = partsOf(20, (n) => {
    made++;
    return textOf(n);
  });
  for (let n = 0; n < 20; n++) {
    const frames = await Promise.all([read(parts, n), read(parts, n), read(parts, n)]);
    expect(new Set(frames).size).toBe(1);
  }
  expect(made).toBe(20);
});

it('readers who are at parts far from each other all get theirs', async () => {
  const parts = partsOf(64);
  const readers = [0, 16, 32].map(async (start) => {
    const texts: string[] = [];
    for (let n = start; n < start + 32; n++) texts.push(textIn(await read(parts, n)).text);
    return texts;
  });
  expect(await Promise.all(readers)).toEqual(
    [0, 16, 32].map((start) => Array.from({ length: 32 }, (_, i) => textOf(start + i))),
  );
});
