import { assert, constant, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertThreadId,
  connectionThreadId,
  formatPosition,
  isThreadId,
  parsePosition,
  userThreadId,
} from '../../src/infra/log/ids.ts';
import { InvalidThreadIdError } from '../../src/index.ts';

/** Ids that applications have. */
const GOOD = [
  'room/1',
  'org#1',
  'ada@example.org',
  '部屋',
  'a b',
  '}{',
  'user:ada',
  '🙂'.repeat(64),
  'x'.repeat(256),
  'a~',
];

const BAD = [
  '',
  'x'.repeat(257),
  '部'.repeat(86),
  'a\u0000',
  'a\n',
  '\u007f',
  '\u0085',
  'a\ud800',
  '\udc00b',
  42,
  null,
  undefined,
  ['t'],
];

/** Those of the library's own. */
const OWN = ['~', '~user:ada', '~connection:1', '~x'];

describe('thread ids', () => {
  it.each(GOOD)('%j is one', (id) => {
    expect(isThreadId(id)).toBe(true);
    expect(() => assertThreadId(id)).not.toThrow();
  });

  it.each(BAD)('%j is none', (id) => {
    expect(isThreadId(id)).toBe(false);
    expect(() => assertThreadId(id)).toThrow(InvalidThreadIdError);
  });

  it.each(OWN)('%j is one that only the library uses, and the error says so', (id) => {
    expect(isThreadId(id)).toBe(true);
    expect(() => assertThreadId(id)).toThrow(expect.objectContaining({ code: 'TC_INVALID_THREAD_ID', threadId: id }));
    expect(() => assertThreadId(id)).toThrow(/~/);
  });
});

describe('the thread of a user', () => {
  const anyUser = oneof(
    string({ unit: 'binary', minLength: 1, maxLength: 400 }),
    constant('\ud800'),
    constant('\udfff'),
  );

  it('is a thread that no public call can name', () => {
    assert(
      property(anyUser, (userId) => {
        const id = userThreadId(userId);
        expect(isThreadId(id)).toBe(true);
        expect(() => assertThreadId(id)).toThrow(InvalidThreadIdError);
      }),
    );
  });

  it('is nobody else’s', () => {
    assert(
      property(anyUser, anyUser, (a, b) => {
        expect(userThreadId(a) === userThreadId(b)).toBe(a === b);
      }),
    );
    // also not of a user who is called like the hash, or the hashed thread, of another one
    const victim = 'x'.repeat(300);
    const hashed = userThreadId(victim);
    for (const name of [hashed, hashed.slice(1), hashed.slice('~user#'.length), hashed.slice('~user'.length)]) {
      expect(userThreadId(name)).not.toBe(hashed);
    }
    expect(userThreadId('\ud800')).not.toBe(userThreadId('\udfff'));
    expect(userThreadId('ada@example.org')).toBe('~user:ada@example.org');
    expect(connectionThreadId('1')).toBe('~connection:1');
  });
});

it('positions do not hold the thread, so any thread’s can be parsed', () => {
  const position = { epoch: 'e-1', offset: 42, id: 'a.b:c-d' };
  expect(parsePosition(formatPosition(position))).toEqual(position);
});
