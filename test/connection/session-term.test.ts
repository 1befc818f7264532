import { afterEach, expect, it } from 'vitest';
import { refuse, type AcceptOptions, type Connection, type HubOptions } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

const MINUTE = 60_000;

/** The hub's clock tells the time: this machine's is another. */
const START = Date.UTC(2031, 0, 1);

/** A session of ten minutes, which each token but `bad` renews for ten more. */
function accept(options: AcceptOptions = {}, hub: HubOptions = {}): { link: FakeLink; connection: Connection } {
  harness = makeHarness({ clock: new VirtualClock(START), ...hub });
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, {
    userId: 'ada',
    data: 'first',
    expiresAt: harness.clock.wallTime() + 10 * MINUTE,
    reauthenticate: (token) =>
      token === 'bad' ? null : { userId: 'ada', data: token, expiresAt: harness.clock.wallTime() + 10 * MINUTE },
    ...options,
  });
  return { link, connection };
}

async function answerTo(link: FakeLink, frame: object): Promise<unknown> {
  link.say(frame);
  await harness.clock.settle();
  return link.messages.at(-1);
}

const renew = (token: unknown, ref = 7): object => ({ t: 'renew', token, ref });

/** Up to the moment in the session in which the hub asks. */
const untilAsked = (): Promise<void> => harness.clock.advance(9 * MINUTE + 2_000);

it('the hub asks for a token a minute before the end, and the fresh one moves the end', async () => {
  const { link, connection } = accept();
  await harness.clock.advance(9 * MINUTE - 2_000);
  expect(framesOf(link, 'renew')).toEqual([]);
  await harness.clock.advance(4_000);
  expect(framesOf(link, 'renew')).toEqual([{ t: 'renew', ms: expect.any(Number) }]);
  const [{ ms } = {}] = framesOf(link, 'renew');
  expect(Number(ms)).toBeGreaterThan(55_000);
  expect(Number(ms)).toBeLessThan(61_000);
  expect(connection.data).toBe('first');
  expect(await answerTo(link, renew('second'))).toEqual({ t: 'renewed', ref: 7 });
  expect(connection.data).toBe('second');
  await harness.clock.advance(8 * MINUTE);
  expect([connection.state, framesOf(link, 'renew').length]).toEqual(['open', 1]);
  await harness.clock.advance(MINUTE + 2_000);
  expect(framesOf(link, 'renew')).toHaveLength(2);
});

it('without a token, the hub asks again, and closes with 4401 at the end', async () => {
  const { link, connection } = accept();
  const ended: unknown[] = [];
  connection.on('evicted', (end) => ended.push(end));
  await harness.clock.advance(10 * MINUTE - 4_000);
  // after 60, 30, 15 and 7.5 seconds
  expect([connection.state, framesOf(link, 'renew').length]).toEqual(['open', 4]);
  await harness.clock.advance(8_000);
  expect(ended).toEqual([{ code: 4401, reason: 'session expired' }]);
});

it('a frame that comes after the end is not looked at, even before the sweep has been there', async () => {
  const heard: unknown[] = [];
  const { link, connection } = accept({ onPublish: (message) => void heard.push(message) }, { sweepMs: 120_000 });
  await harness.clock.advance(10 * MINUTE + 1_000);
  connection.on('message', (message) => heard.push(message));
  link.say(renew('late'));
  link.say({ t: 'pub', th: 't', id: 'a', d: 1 });
  await harness.clock.settle();
  expect([heard, link.closeCode]).toEqual([[], 4401]);
});

it('without reauthenticate, the hub does not ask', async () => {
  const { link, connection } = accept({ reauthenticate: undefined });
  await harness.clock.advance(10 * MINUTE - 2_000);
  expect([connection.state, framesOf(link, 'renew')]).toEqual(['open', []]);
  expect(await answerTo(link, renew('x'))).toEqual({ t: 'err', code: 'unasked', ref: 7 });
  await harness.clock.advance(4_000);
  expect(link.closeCode).toBe(4401);
});

it('a plain connection ends too', async () => {
  const { link } = accept({ format: 'plain' });
  await harness.clock.advance(10 * MINUTE + 2_000);
  expect([link.closeCode, link.messages]).toEqual([4401, []]);
});

it('half of a short session passes before the hub asks', async () => {
  const { link } = accept({ expiresAt: START + 20_000 });
  await harness.clock.advance(9_000);
  expect(framesOf(link, 'renew')).toEqual([]);
  await harness.clock.advance(3_000);
  expect(framesOf(link, 'renew')).toHaveLength(1);
});

it.each([
  ['refused', 'bad', 'unauthenticated'],
  ['no text', { token: 'x' }, 'unauthenticated'],
  ['missing', undefined, 'unauthenticated'],
])('a token that is %s changes nothing, and another one may follow', async (_, token, code) => {
  const { link, connection } = accept();
  await untilAsked();
  expect(await answerTo(link, renew(token))).toEqual({ t: 'err', code, ref: 7, why: 'Unauthorized' });
  expect([connection.data, connection.state]).toEqual(['first', 'open']);
  expect(await answerTo(link, renew('good', 8))).toEqual({ t: 'renewed', ref: 8 });
});

it('a token that the hub has not asked for is refused: too early, twice, and without an end', async () => {
  const { link, connection } = accept();
  const unasked = { t: 'err', code: 'unasked', ref: 7 };
  expect(await answerTo(link, renew('early'))).toEqual(unasked);
  await untilAsked();
  await answerTo(link, renew('second'));
  expect(await answerTo(link, renew('twice'))).toEqual(unasked);
  expect(connection.data).toBe('second');
  const endless = new FakeLink();
  harness.hub.accept(endless.attach, { reauthenticate: () => ({}) });
  expect(await answerTo(endless, renew('x'))).toEqual(unasked);
});

it('one token at a time: those that come meanwhile wait, and are too many after one was accepted', async () => {
  let running = 0;
  let most = 0;
  const { link, connection } = accept({
    async reauthenticate(token) {
      most = Math.max(most, ++running);
      await new Promise((resolve) => void harness.clock.setTimeout(() => resolve(0), 1_000));
      running--;
      return { userId: 'ada', data: token, expiresAt: harness.clock.wallTime() + 10 * MINUTE };
    },
  });
  await untilAsked();
  for (const [i, token] of ['a', 'b', 'c'].entries()) link.say(renew(token, i));
  await harness.clock.advance(5_000);
  expect(link.messages.slice(-3)).toEqual([
    { t: 'renewed', ref: 0 },
    { t: 'err', code: 'unasked', ref: 1 },
    { t: 'err', code: 'unasked', ref: 2 },
  ]);
  expect([most, connection.data]).toEqual([1, 'a']);
});

it.each([
  ['another user', () => ({ userId: 'eve' }), 'forbidden'],
  ['no user', () => ({}), 'forbidden'],
  ['refuse(403)', () => refuse(403, 'banned'), 'forbidden'],
  ['refuse(429)', () => refuse(429), 'rate-limited'],
  ['refuse(503)', () => refuse(503), 'unavailable'],
  ['false', () => false as const, 'unauthenticated'],
  ['nothing', () => undefined, 'unauthenticated'],
  [
    'an end in seconds',
    () => ({ userId: 'ada', expiresAt: harness.clock.wallTime() / 1_000 + 60 }),
    'TC_INVALID_OPTION',
  ],
  ['an end that has passed', () => ({ userId: 'ada', expiresAt: harness.clock.wallTime() - 1 }), 'TC_INVALID_OPTION'],
  ['no number', () => ({ userId: 'ada', expiresAt: Number.NaN }), 'TC_INVALID_OPTION'],
  ['an endless number', () => ({ userId: 'ada', expiresAt: Infinity }), 'TC_INVALID_OPTION'],
  ['a misspelt field', () => ({ userId: 'ada', expires_at: 1 }), 'TC_INVALID_OPTION'],
  ['an error', () => expect.fail('database'), 'internal'],
])('the answer %s changes nothing', async (_, reauthenticate, code) => {
  const { link, connection } = accept({ reauthenticate });
  await untilAsked();
  expect(await answerTo(link, renew('x'))).toMatchObject({ t: 'err', code, ref: 7 });
  expect([connection.data, connection.userId, connection.state]).toEqual(['first', 'ada', 'open']);
  const isDefect = code === 'internal' || code === 'TC_INVALID_OPTION';
  expect(harness.errors).toHaveLength(isDefect ? 1 : 0);
  harness.errors.length = 0;
  await harness.clock.advance(MINUTE);
  expect(link.closeCode).toBe(4401);
});

it('an application that does not answer: the client learns it, and the session ends when it would have', async () => {
  const { link, connection } = accept({ reauthenticate: () => new Promise(() => {}) }, { answerTimeoutMs: 10_000 });
  await untilAsked();
  link.say(renew('x'));
  await harness.clock.advance(12_000);
  expect(framesOf(link, 'err')).toEqual([{ t: 'err', code: 'TC_ANSWER_TIMEOUT', ref: 7 }]);
  expect(harness.errors).toEqual([expect.objectContaining({ code: 'TC_ANSWER_TIMEOUT', callback: 'reauthenticate' })]);
  await harness.clock.advance(MINUTE);
  expect([connection.state, link.closeCode]).toEqual(['evicted', 4401]);
});

it('an answer that comes after the end, or after the connection, changes nothing', async () => {
  const answers: ((session: object) => void)[] = [];
  const reauthenticate = (): Promise<object> => new Promise((resolve) => answers.push(resolve));
  const { link, connection } = accept({ reauthenticate }, { answerTimeoutMs: 10 * MINUTE });
  await untilAsked();
  link.say(renew('x'));
  await harness.clock.advance(2 * MINUTE);
  expect(link.closeCode).toBe(4401);
  answers[0]?.({ userId: 'ada', data: 'late' });
  await harness.clock.settle();
  expect([connection.state, connection.data, framesOf(link, 'renewed')]).toEqual(['evicted', 'first', []]);
});

it('a renewed session without an end lasts', async () => {
  const { link, connection } = accept({ reauthenticate: () => ({ userId: 'ada' }) }, { idleConnectionMs: Infinity });
  await untilAsked();
  await answerTo(link, renew('x'));
  await harness.clock.advance(200 * MINUTE);
  expect([connection.state, connection.data, framesOf(link, 'renew').length]).toEqual(['open', undefined, 1]);
});

it.each([[0], [-1], [Number.NaN], [Infinity], ['tomorrow'], [null], [START / 1_000 + 3_600]])(
  'accept refuses expiresAt %s',
  (untyped) => {
    harness = makeHarness({ clock: new VirtualClock(START) });
    const expiresAt: unknown = untyped;
    const options = { expiresAt };
    // @ts-expect-error: not a number
    expect(() => harness.hub.accept(new FakeLink().attach, options)).toThrow(
      expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'expiresAt' }),
    );
  },
);

it('guessing tokens costs as much as handshakes do', async () => {
  const { link } = accept({ reauthenticate: () => false });
  await untilAsked();
  for (let i = 0; i < 600; i++) link.say(renew('guess'));
  await harness.clock.settle();
  expect(link.closeCode).toBe(4429);
});
