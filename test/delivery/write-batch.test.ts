import { expect, it } from 'vitest';
import { FrameWriter } from '../../src/actors/delivery/frame-writer.ts';
import { WriteBatch } from '../../src/actors/delivery/write-batch.ts';
import { encodeText } from '../../src/infra/wire/frames.ts';
import { frameVariantOf } from '../../src/infra/wire/frame-variant.ts';
import { FakeLink } from '../../src/testing/index.ts';
import type { Piece } from '../../src/api/socket.ts';

const HIGH_WATER_MARK = 1_000;

function makeWriter(): { readonly link: FakeLink; readonly writer: FrameWriter } {
  const link = new FakeLink();
  const fail = (error: unknown): void => {
    throw error;
  };
  const writer = new FrameWriter(link, frameVariantOf('json', undefined), HIGH_WATER_MARK, { onBroken: fail });
  writer.open();
  return { link, writer };
}

const pieceOf = (text: string): Piece => encodeText(text).pieces[0] ?? [];

it('what has boarded is written before a notice, and once', () => {
  const batch = new WriteBatch();
  const { link, writer } = makeWriter();
  writer.board(pieceOf('"a"'), 5, 1, batch);
  expect(writer.admit('message')).toBe('turn');
  writer.say(encodeText('"b"'));
  batch.depart();
  expect(link.received).toEqual(['"a"', '"b"']);
});

it('says what wakes a write that may not be made', () => {
  const { link, writer } = makeWriter();
  const kinds = ['notice', 'message', 'part'] as const;
  const answers = (): string[] => kinds.map((kind) => writer.admit(kind));
  expect(answers()).toEqual(['now', 'now', 'now']);
  link.stall();
  writer.writeRun(Buffer.alloc(HIGH_WATER_MARK / 2), 1);
  expect(answers()).toEqual(['now', 'now', 'signal']);
  writer.sayLater(encodeText('"b"'));
  expect(answers()).toEqual(['now', 'turn', 'signal']);
  writer.writeRun(Buffer.alloc(HIGH_WATER_MARK / 2), 1);
  expect(answers()).toEqual(['signal', 'signal', 'signal']);
  writer.close();
  expect(answers()).toEqual(['signal', 'signal', 'signal']);
});
