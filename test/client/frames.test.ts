import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseFrame } from '../../src/client/frames.ts';
import { trials } from '../support/tier.ts';

const parse = (frame: unknown) => parseFrame(JSON.stringify(frame));

test('the frames of the protocol', () => {
  const position = { epoch: 'e1', offset: 3, id: 'a.b' };
  expect(parse({ t: 'hello', sid: 's', pingMs: 25_000, limits: { maxBytes: 10 } })).toEqual({
    t: 'hello',
    isUp: true,
    pingMs: 25_000,
    maxBytes: 10,
  });
  expect(parse({ t: 'hello', sid: 's', up: false })).toEqual({ t: 'hello', isUp: false });
  expect(parse({ t: 'log', up: false })).toEqual({ t: 'log', isUp: false });
  expect(parse({ t: 'log', up: true })).toEqual({ t: 'log', isUp: true });
  expect(parse({ t: 'joined', th: 't1', pos: 'e1.3.a.b', recovered: 2 })).toEqual({
    t: 'joined',
    th: 't1',
    position,
    recovered: 2,
    streams: [],
  });
  expect(parse({ t: 'gap', th: 't1', why: 'fork', pos: 'e1.3.a.b' })).toEqual({
    t: 'gap',
    th: 't1',
    why: 'fork',
    position,
  });
  expect(parse({ t: 'msg', th: 't1', o: 4, id: 'x', ts: 9, d: null, ahead: true })).toEqual({
    t: 'msg',
    th: 't1',
    message: { id: 'x', offset: 4, data: null, ahead: true, at: 9 },
  });
  expect(parse({ t: 'msg', th: 't1', id: 'y' })).toEqual({
    t: 'msg',
    th: 't1',
    message: { id: 'y', offset: undefined, data: undefined, ahead: false, at: expect.any(Number) },
  });
  expect(parse({ t: 'bye', retryMs: 100 })).toEqual({ t: 'bye', retryMs: 100 });
  const forbidden = { t: 'err', code: 'forbidden', th: 't1' };
  expect(parse(forbidden)).toEqual({ ...forbidden, paths: [] });
  const refused = { t: 'err', code: 'forbidden', th: 't1', id: 'm1', why: 'muted' };
  expect(parse(refused)).toEqual({ ...refused, paths: [] });
  expect(parse({ ...refused, paths: ['$.a', 1] })).toEqual({ ...refused, paths: ['$.a'] });
  const ok = { t: 'ok', th: 't1', id: 'm1', pos: 'e1.3.s.m1' };
  const answer = { messageId: 's.m1', position: 'e1.3.s.m1' };
  expect(parse({ ...ok, mid: 's.m1' })).toEqual({ t: 'ok', th: 't1', id: 'm1', answer });
  // a server of 0.1 does not tell it: there the two are the same
  expect(parse(ok)).toEqual({ t: 'ok', th: 't1', id: 'm1', answer: { ...answer, messageId: 'm1' } });
  // that something came is all that it says
  expect(parse({ t: 'hb' })).toBe('ignored');
});

test('a word that is not known is ignored', () => {
  expect(parse({ t: 'word', th: 't1' })).toBe('ignored');
});

test.each([
  ['no JSON', '{"t":"msg"'],
  ['no object', '[1]'],
  ['null', 'null'],
  ['no word', '{}'],
  ['bytes', new Uint8Array(3)],
  ['a message without id', '{"t":"msg","th":"t","o":1,"d":1}'],
  ['a message without thread', '{"t":"msg","o":1,"id":"a","d":1}'],
  ['an offset of text', '{"t":"msg","th":"t","o":"1","id":"a","d":1}'],
  ['an offset of zero', '{"t":"msg","th":"t","o":0,"id":"a","d":1}'],
  ['a position that is none', '{"t":"joined","th":"t","pos":"e1"}'],
  ['an answer without id', '{"t":"ok","th":"t1"}'],
  ['an error without code', '{"t":"err"}'],
])('%s is no frame', (_, data) => {
  expect(parseFrame(data)).toBeUndefined();
});

test('numbers that no timer takes are as good as none', () => {
  expect(parseFrame('{"t":"hello","pingMs":1e999}')).toEqual({ t: 'hello', isUp: true });
  expect(parseFrame('{"t":"bye","retryMs":-5}')).toEqual({ t: 'bye', retryMs: 0 });
});

test('nothing throws', () => {
  const word = fc.constantFrom('msg', 'removed', 'joined', 'gap', 'hello', 'log', 'hb', 'err', 'bye', 'tok');
  const frame = fc.record(
    {
      t: word,
      th: fc.jsonValue(),
      m: fc.array(fc.jsonValue()),
      o: fc.jsonValue(),
      id: fc.jsonValue(),
      pos: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        frame.map((value) => JSON.stringify(value)),
        fc.string(),
        fc.json(),
        fc.anything(),
      ),
      (data) => {
        expect(() => parseFrame(data)).not.toThrow();
      },
    ),
    trials(),
  );
});
