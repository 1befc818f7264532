import { expect, test } from 'vitest';
import { reconnectAfter } from '../../src/client/close-codes.ts';
import { closeCodes } from '../../src/infra/wire/close-codes.ts';

test.each(Object.values(closeCodes))('$code means $reconnect, as the server has it', ({ code, reconnect }) => {
  expect(reconnectAfter(code)).toBe(reconnect);
});

test.each([1005, 1011, 1014, 4999])('%i, which is in no table, means resume', (code) => {
  expect(reconnectAfter(code)).toBe('resume');
});
