import { expect, expectTypeOf, it } from 'vitest';
import type { Message } from '../../src/client/index.ts';
import { MessageList } from '../../src/react/message-list.ts';

const message = (id: string, data: string): Message<string> => ({
  id,
  data,
  offset: 1,
  at: 1,
  position: 'e.1.',
  ahead: false,
  stream: undefined,
  trace: undefined,
});
const shown = (list: MessageList<string, string>): string[] => list.all.map(({ status, data }) => `${status} ${data}`);

it('a message with a random key is known by its end, whatever comes first', () => {
  const list = new MessageList<string, string>(10);
  list.begin('random', true, 'mine', 1);
  list.add(message('scope.random', 'mine'));
  expect(shown(list)).toEqual(['received mine']);
  list.accept('random', 'scope.random');
  expect(shown(list)).toEqual(['received mine']);
});

it("a key that the application chose may be another user's, too: only the server says which message it is", () => {
  const list = new MessageList<string, string>(10);
  list.begin('1', false, 'mine', 1);
  list.add(message('other.1', 'of another'));
  expect(shown(list)).toEqual(['received of another', 'sending mine']);
  list.accept('1', 'scope.1');
  list.add(message('scope.1', 'mine'));
  expect(shown(list)).toEqual(['received of another', 'received mine']);
});

it('drops the oldest, but not those that were loaded on purpose', () => {
  const list = new MessageList<string, string>(4);
  expect(list.prepend([{ id: 'old', data: 'old', at: 0 }])).toBe(1);
  expect(list.prepend([{ id: 'old', data: 'old', at: 0 }])).toBe(0);
  const isTrimmed = Array.from({ length: 6 }, (_, i) => list.add(message(`m${i}`, `${i}`)));
  expect(isTrimmed.filter(Boolean)).toHaveLength(1);
  expect(list.all).toHaveLength(5);
});

it('a big older message has its bytes until a new version brings data', () => {
  const list = new MessageList<string, string>(10);
  list.prepend([{ id: 'big', data: 'too much', bytes: 300_000, at: 0 }]);
  const [big] = list.all;
  expect(big).toMatchObject({ data: undefined, bytes: 300_000, isEdited: false });
  // the types say so as well
  if (big?.bytes === undefined) expectTypeOf(big?.data).toEqualTypeOf<string | undefined>();
  else expectTypeOf(big.data).toEqualTypeOf<undefined>();
  list.replace('big', 'small');
  expect(list.all).toMatchObject([{ data: 'small', bytes: undefined, isEdited: true }]);
});
