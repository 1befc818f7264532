import { createHmac, generateKeyPairSync, sign as signWith, type KeyObject } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { verifyPublishToken, type PublishTokenOptions } from '../../src/http/index.ts';
import { trials } from '../support/tier.ts';

const SECRET = 's'.repeat(32);
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const pem = publicKey.export({ type: 'spki', format: 'pem' });

const seconds = (ms = 0): number => Math.floor((Date.now() + ms) / 1_000);
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = { sub: 'cron', threads: ['room:*'], exp: seconds(60_000) };

const hs256 = (
  body: unknown,
  { secret = SECRET, header = { alg: 'HS256' } }: { secret?: string; header?: unknown } = {},
) => {
  const text = `${part(header)}.${part(body)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};
const eddsa = (body: unknown, key: KeyObject = privateKey): string => {
  const text = `${part({ alg: 'EdDSA' })}.${part(body)}`;
  return `${text}.${signWith(null, Buffer.from(text), key).toString('base64url')}`;
};
const check = (token: string, options: PublishTokenOptions = { secret: SECRET }) =>
  verifyPublishToken(options)({ url: '/', headers: { authorization: `Bearer ${token}` } });

it('accepts HS256 and EdDSA, with the key that is set, and gives the session of the claims', () => {
  const session = { userId: 'cron', threads: ['room:*'], data: { threads: ['room:*'] } };
  expect(check(hs256(claims))).toMatchObject(session);
  expect(check(eddsa(claims), { publicKey: pem })).toMatchObject(session);
  expect(check(eddsa(claims), { publicKey })).toMatchObject(session);
  expect(check(hs256(claims), { secret: ['n'.repeat(40), Buffer.from(SECRET)] })).toMatchObject(session);
  const verify = verifyPublishToken({ secret: SECRET });
  expect(verify({ url: `/t/events?token=${hs256(claims)}`, headers: {} })).toMatchObject(session);
});

it('takes no other algorithm than that of its key', () => {
  const none = `${part({ alg: 'none' })}.${part(claims)}.`;
  expect(check(none)).toBeNull();
  expect(check(`${none}x`)).toBeNull();
  for (const alg of ['none', 'None', 'HS512', 'EdDSA', 'RS256', '', null, ['HS256']])
    expect(check(hs256(claims, { header: { alg } }))).toBeNull();
  // signed with the public key as the secret of an HMAC
  expect(check(hs256(claims, { secret: pem }), { publicKey: pem })).toBeNull();
  expect(check(hs256(claims, { secret: pem, header: { alg: 'EdDSA' } }), { publicKey: pem })).toBeNull();
  expect(check(eddsa(claims))).toBeNull();
  expect(check(eddsa(claims, generateKeyPairSync('ed25519').privateKey), { publicKey })).toBeNull();
  expect(check(hs256(claims, { header: { alg: 'HS256', crit: ['b64'] } }))).toBeNull();
  expect(check(hs256(claims, { secret: 'o'.repeat(32) }))).toBeNull();
});

it('allows for a difference of clocks, and no more', () => {
  const at = (ms: number): number => (Date.now() + ms) / 1_000;
  const tolerant = { secret: SECRET, clockToleranceMs: 10_000 };
  expect(check(hs256({ ...claims, exp: at(-8_000) }), tolerant)).not.toBeNull();
  expect(check(hs256({ ...claims, exp: at(-12_000) }), tolerant)).toBeNull();
  expect(check(hs256({ ...claims, nbf: at(8_000) }), tolerant)).not.toBeNull();
  expect(check(hs256({ ...claims, nbf: at(12_000) }), tolerant)).toBeNull();
  const session = check(hs256({ ...claims, exp: at(-8_000) }), tolerant);
  expect(session?.expiresAt).toBeGreaterThan(Date.now());
});

it('needs all claims, of the right types', () => {
  for (const wrong of [
    { sub: undefined },
    { sub: '' },
    { sub: 7 },
    { threads: undefined },
    { threads: [] },
    { threads: 'room:*' },
    { threads: [1] },
    { threads: Array.from({ length: 257 }, String) },
    { exp: undefined },
    { exp: '9999999999' },
    { exp: Infinity },
    { nbf: 'now' },
  ])
    expect(check(hs256({ ...claims, ...wrong }))).toBeNull();
  const wanted = { secret: SECRET, audience: 'hub', issuer: 'us' };
  expect(check(hs256({ ...claims, aud: ['x', 'hub'], iss: 'us' }), wanted)).not.toBeNull();
  expect(check(hs256({ ...claims, aud: 'other', iss: 'us' }), wanted)).toBeNull();
  expect(check(hs256({ ...claims, aud: 'hub' }), wanted)).toBeNull();
});

it('refuses weak or mixed up keys at once, without showing them', () => {
  for (const wrong of [
    {},
    { secret: SECRET, publicKey: pem },
    { secret: 'short' },
    { secret: [SECRET, ''] },
    { secret: [] },
    { secret: pem },
    { publicKey: SECRET },
    { publicKey: [] },
    { publicKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey },
    { publicKey: privateKey },
    { secret: SECRET, clockToleranceMs: 1e9 },
  ]) {
    expect(() => verifyPublishToken(wrong)).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
    expect(() => verifyPublishToken(wrong)).not.toThrow(SECRET);
  }
});

it('answers null to every text that is not the token, and never throws', () => {
  const right = hs256(claims);
  expect(verifyPublishToken({ secret: SECRET })({ headers: {} })).toBeNull();
  expect(check('x'.repeat(10_000))).toBeNull();
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `${right}${text || 'x'}`),
        fc.nat(right.length - 1).map((cut) => right.slice(0, cut)),
        fc.json().map((text) => `${part({ alg: 'HS256' })}.${Buffer.from(text).toString('base64url')}.x`),
      ),
      (token) => {
        expect(check(token)).toBeNull();
      },
    ),
    trials(300),
  );
});
