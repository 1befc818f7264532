import { expect, it } from 'vitest';
import { decodeHeader } from '../../src/infra/log/shared/arrival.ts';
import { faultOf } from '../../src/infra/log/shared/entry-faults.ts';

const LONG = 'x'.repeat(100_000);
const fault = (...body: readonly string[]): string | undefined =>
  faultOf({
    epoch: 'e',
    offset: 1,
    at: 1,
    id: 'id',
    header: decodeHeader('{}'),
    body: body.map((part) => Buffer.from(part)),
  });

it.each([
  ['a small one', [' {"a":1}\n']],
  ['a long one', [`\n\t{"a":"${LONG}"}\r\n`]],
  ['a long text', [` "${LONG}" `]],
  ['one in pieces', [' [', `"${LONG}"`, ']\n']],
  ['one with a piece of white space alone', [`{"a":"${LONG}"}`, '\n']],
])('white space around a message is JSON: %s', (_, body) => {
  expect(fault(...body)).toBeUndefined();
});

it.each([
  ['an end that is missing', [`{"a":"${LONG}"`]],
  ['another end', [`["${LONG}"}`]],
  ['no JSON at all', [LONG]],
  ['an empty one', ['']],
])('what is no message is found, also where it is long: %s', (_, body) => {
  expect(fault(...body)).toBe('its message is no JSON');
});
