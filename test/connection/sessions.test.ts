import { expect, it } from 'vitest';
import { assertSession } from '../../src/actors/connection/assert-session.ts';

const NOW = Date.UTC(2031, 0, 1);

it.each([
  [{}],
  [{ userId: 'ada' }],
  [{ userId: undefined, format: 'plain', data: 7 }],
  [{ expiresAt: NOW + 60_000 }],
  [{ userId: 'ada', roles: ['admin'], user: {}, id: 7 }],
])('%j is a session', (session) => {
  expect(() => assertSession(session, NOW)).not.toThrow();
});

it.each([
  [{ userID: 'ada' }, 'authenticate().userID', 'userId'],
  [{ user_id: 'ada' }, 'authenticate().user_id', 'userId'],
  [{ userid: 'ada' }, 'authenticate().userid', 'userId'],
  [{ Format: 'plain' }, 'authenticate().Format', 'format'],
  [{ userId: 42 }, 'authenticate().userId', 'text'],
  [{ userId: '' }, 'authenticate().userId', 'empty'],
  [{ userId: null }, 'authenticate().userId', 'text'],
  [{ format: 'xml' }, 'authenticate().format', 'plain'],
  [{ expiresAt: 1 }, 'authenticate().expiresAt', 'seconds'],
  [{ expiresAt: '2099' }, 'authenticate().expiresAt', 'milliseconds'],
  [{ expiresAt: null }, 'authenticate().expiresAt', 'milliseconds'],
  [{ expires_at: 1 }, 'authenticate().expires_at', 'expiresAt'],
  [['ada'], 'authenticate()', 'session'],
  ['ada', 'authenticate()', 'session'],
  [true, 'authenticate()', 'session'],
])('%j is none, and the error says why', (session, option, word) => {
  const act = (): void => assertSession(session, NOW);
  expect(act).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION', option }));
  expect(act).toThrow(word);
});
