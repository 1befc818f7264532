import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineThread } from '../../src/define/index.ts';
import { createHub } from '../../src/index.ts';

const message = z.string();
const room = defineThread('room:*', { message });

it('an id is the pattern with a text for its *', () => {
  expect(room('42')).toBe('room:42');
  expect(room('a:b *')).toBe('room:a:b *');
  expect(room.pattern).toBe('room:*');
  expect(room('x'.repeat(251))).toHaveLength(256);
  expect(defineThread('*', { message })('any')).toBe('any');
});

it.each([[''], ['x'.repeat(252)], ['é'.repeat(126)], ['a\nb'], ['\ud800'], [42], [undefined], [null], [['a']]])(
  '%j makes no id',
  (rest) => {
    const untyped: (rest: never) => unknown = room;
    expect(() => Reflect.apply(untyped, undefined, [rest])).toThrow(
      expect.objectContaining({ code: 'TC_INVALID_THREAD_ID' }),
    );
  },
);

it('an id that would be the library’s own is none', () => {
  const all = defineThread('*', { message });
  expect(() => all('~user:ada')).toThrow(expect.objectContaining({ code: 'TC_INVALID_THREAD_ID' }));
});

it('the rest of an id is found again', () => {
  expect(room.restOf(room('42'))).toBe('42');
  expect(room.restOf('room:')).toBeUndefined();
  expect(room.restOf('order:1')).toBeUndefined();
  expect(room.matches('room:1')).toBe(true);
  expect(room.matches('rooms:1')).toBe(false);
});

it.each([
  ['room'],
  ['room:*:x'],
  ['**'],
  ['a*b*'],
  ['~user:*'],
  ['x'.repeat(256) + '*'],
  ['a\n*'],
  [''],
  [7],
  [undefined],
])('%j is no pattern', (pattern) => {
  expect(() => Reflect.apply(defineThread, undefined, [pattern, { message }])).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'pattern' }),
  );
});

const codec = { name: 'c', fold: () => undefined, sizeOf: () => 1, end: () => 1 };

it.each<[unknown, string]>([
  [undefined, 'message'],
  [{}, 'message'],
  [{ message: {} }, 'message'],
  [{ message: { '~standard': { version: 2, validate: () => 1 } } }, 'message'],
  [{ message, publish: 'text' }, 'publish'],
  [{ message, answer: null }, 'answer'],
  [{ message, values: { typing: true } }, 'values.typing'],
  [{ message, streams: { answer: { ...codec, fold: undefined } } }, 'streams.answer'],
  [{ message, streams: { answer: { ...codec, name: 1 } } }, 'streams.answer'],
  [{ message, mesage: message }, 'mesage'],
  [[], ''],
])('%j are no parts', (parts, option) => {
  expect(() => Reflect.apply(defineThread, undefined, ['room:*', parts])).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION', option: expect.stringContaining(option) }),
  );
});

it('a definition keeps its parts as they were', () => {
  const parts = { message, values: { typing: z.boolean() }, streams: { answer: codec } };
  const definition = defineThread('room:*', parts);
  parts.message = z.string().max(1);
  expect(definition.parts).toMatchObject({ message, values: { typing: {} }, streams: { answer: { name: 'c' } } });
});

it.each<[unknown]>([
  [[room, room]],
  [[room, defineThread('room:*', { message })]],
  [[undefined]],
  [['room:*']],
  [[() => 'room:1']],
  [room],
  [{ room }],
])('a hub refuses what are no definitions, or two of one pattern', (threads) => {
  expect(() => Reflect.apply(createHub, undefined, [{ threads }])).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION', option: expect.stringMatching(/^threads/) }),
  );
});
