import { createHmac, createPublicKey, KeyObject, timingSafeEqual, verify } from 'node:crypto';
import { InvalidOptionError } from '../infra/errors.ts';
import { checkNumber, checkText } from '../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../infra/option-table.ts';
import { queryOf } from '../infra/socket/request-target.ts';
import { parseObject } from '../infra/wire/json-object.ts';
import type { HttpRequest } from './exchange.ts';
import type { HttpSession } from './options.ts';
import { patternsIn } from './thread-patterns.ts';

/** Give either a `secret` or a `publicKey`: it decides the algorithm, whatever a token says. */
export interface PublishTokenOptions {
  /** For HS256: the secret that signs and checks, at least 32 bytes (RFC 7518 section 3.2). Several while you change it. @default none */
  secret?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** For EdDSA: an Ed25519 public key, as PEM or KeyObject. Several while you change it. @default none */
  publicKey?: string | KeyObject | readonly (string | KeyObject)[] | undefined;
  /** The token's `aud` must be this, or have it. @default not checked */
  audience?: string | undefined;
  /** The token's `iss` must be this. @default not checked */
  issuer?: string | undefined;
  /** How far the clocks of two machines may differ, for `exp` and `nbf`, in milliseconds; 300000 at most. @default 30000 */
  clockToleranceMs?: number | undefined;
}

/** What a token proves. */
export interface PublishTokenSession extends HttpSession {
  /** `sub` of the token. */
  readonly userId: string;
  /** `threads` of the token. */
  readonly threads: readonly string[];
  readonly data: { readonly threads: readonly string[] };
  readonly expiresAt: number;
}

const OPTIONS: OptionTable<PublishTokenOptions> = {
  secret: 'any',
  publicKey: 'any',
  audience: 'text',
  issuer: 'text',
  clockToleranceMs: 'number',
};

/** A key as long as the hash (RFC 7518 section 3.2). */
const LEAST_SECRET_BYTES = 32;

/** A longer token is not read. */
const MAX_TOKEN_CHARACTERS = 8_192;

/** `threads` of a token: more names belong into a pattern. */
const MAX_PATTERNS = 256;

interface Verifier {
  readonly alg: 'HS256' | 'EdDSA';
  /** Compares in constant time. */
  readonly isSigned: (text: string, signature: Buffer) => boolean;
}

/**
 * An `authenticate` for services that publish: checks a JWT (RFC 7519) of `Authorization: Bearer`, or of the query parameter `token`. Its
 * claims are `sub`, the user; `threads`, patterns of the threads that it is for; and `exp`.
 *
 * ```ts
 * const verify = verifyPublishToken({ secret: process.env.PUBLISH_SECRET });
 * httpHandler(hub, { authenticate: verify, onPublish });
 * ```
 *
 * The session is limited to the token's `threads`. It answers with null to a token that is missing or wrong: a 401.
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`), above all for a short secret
 */
export function verifyPublishToken(options: PublishTokenOptions): (request: HttpRequest) => PublishTokenSession | null {
  checkOptions<PublishTokenOptions>(options, OPTIONS);
  const verifier = verifierOf(options);
  const audience = checkText('audience', options.audience);
  const issuer = checkText('issuer', options.issuer);
  const toleranceMs = checkNumber('clockToleranceMs', options.clockToleranceMs, 30_000, { min: 0, max: 300_000 });

  return (request) => {
    const claims = claimsIn(tokenOf(request), verifier);
    if (claims === undefined) return null;
    const { sub, threads, exp, nbf, aud, iss } = claims;
    const now = Date.now();
    const patterns = patternsIn(threads);
    const expiresAt = typeof exp === 'number' ? exp * 1_000 + toleranceMs : NaN;
    // `NaN` is never later
    const isInTime = expiresAt > now && Number.isFinite(expiresAt) && isPast(nbf, now + toleranceMs);
    if (!isInTime || typeof sub !== 'string' || sub === '') return null;
    if (patterns === undefined || patterns.length === 0 || patterns.length > MAX_PATTERNS) return null;
    if (issuer !== undefined && iss !== issuer) return null;
    if (audience !== undefined && ![aud].flat().includes(audience)) return null;
    return { userId: sub, threads: patterns, data: { threads: patterns }, expiresAt };
  };
}

const isPast = (nbf: unknown, now: number): boolean =>
  nbf === undefined || (typeof nbf === 'number' && nbf * 1_000 <= now);

/** @throws InvalidOptionError */
function verifierOf({ secret, publicKey }: PublishTokenOptions): Verifier {
  const isEmpty = [secret, publicKey].some((keys) => Array.isArray(keys) && keys.length === 0);
  if (isEmpty || (secret === undefined) === (publicKey === undefined))
    throw new InvalidOptionError({ option: 'secret', expected: 'either a secret or a publicKey' });
  if (secret === undefined) {
    const keys = [publicKey].flat().map(publicKeyOf);
    return { alg: 'EdDSA', isSigned: (text, mark) => keys.some((key) => verify(null, Buffer.from(text), key, mark)) };
  }
  const secrets = listOf(secret).map(secretOf);
  return {
    alg: 'HS256',
    isSigned: (text, mark) =>
      secrets.some((key) => {
        const right = createHmac('sha256', key).update(text).digest();
        return right.length === mark.length && timingSafeEqual(right, mark);
      }),
  };
}

function listOf(secret: NonNullable<PublishTokenOptions['secret']>): readonly unknown[] {
  return Array.isArray(secret) ? secret : [secret];
}

function secretOf(secret: unknown): Buffer {
  const bytes = typeof secret === 'string' || secret instanceof Uint8Array ? Buffer.from(secret) : undefined;
  // who has a public key could sign with it
  if (bytes !== undefined && bytes.length >= LEAST_SECRET_BYTES && !bytes.includes('-----BEGIN')) return bytes;
  // the value must not appear in a log
  throw new InvalidOptionError({
    option: 'secret',
    expected: `at least ${LEAST_SECRET_BYTES} random bytes, and no PEM`,
  });
}

function publicKeyOf(given: unknown): KeyObject {
  try {
    const key = given instanceof KeyObject ? given : createPublicKey(typeof given === 'string' ? given : '');
    if (key.type === 'public' && key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // no key
  }
  throw new InvalidOptionError({ option: 'publicKey', expected: 'an Ed25519 public key, as PEM or KeyObject' });
}

function tokenOf(request: HttpRequest): string | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) return queryOf({ url: request.url ?? '' }).get('token') ?? undefined;
  return /^bearer +([^\s]+) *$/i.exec(authorization)?.[1];
}

/** What is signed with our key and algorithm; undefined for anything else. */
function claimsIn(token: string | undefined, { alg, isSigned }: Verifier): Record<string, unknown> | undefined {
  if (token === undefined || token.length > MAX_TOKEN_CHARACTERS) return undefined;
  const [, head, body, mark] = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token) ?? [];
  if (head === undefined || body === undefined || mark === undefined) return undefined;
  const header = parseObject(textOf(head));
  // extensions that we would have to understand (RFC 7515 section 4.1.11)
  if (header?.['alg'] !== alg || header['crit'] !== undefined) return undefined;
  if (!isSigned(`${head}.${body}`, Buffer.from(mark, 'base64url'))) return undefined;
  return parseObject(textOf(body));
}

const textOf = (part: string): string => Buffer.from(part, 'base64url').toString();
