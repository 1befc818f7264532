import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isOwnPage } from '../infra/socket/request-target.ts';
import { InspectorRefusal } from './refusal.ts';

/** Which pages may watch. */
export interface AccessRules {
  /** A page that presents it may watch. */
  readonly token: string;
  /** The token was generated, for readers of this process's output: only this machine may watch. */
  readonly isLocal: boolean;
  /** Host names, without ports, that the server accepts besides `localhost` and bare addresses. */
  readonly allowedHosts: readonly string[];
}

/**
 * Headers that a proxy adds: behind one, every client seems to be on this machine. A proxy may add none, and send its own name as `Host`,
 * as nginx does by default. So this check only reports the mistake sooner; the key is the proof.
 */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/**
 * Checks every request, including those for the page's files.
 *
 * A foreign page in a browser on this machine can reach loopback as well. The host's name stops it (it may have its own name resolve to
 * 127.0.0.1, DNS rebinding, but cannot change what the browser sends as `Host`), and so does its origin.
 *
 * @throws InspectorRefusal 403
 */
export function assertPlace(request: IncomingMessage, { isLocal, allowedHosts }: AccessRules): void {
  const { host, origin } = request.headers;
  if (isLocal) {
    const isProxied = PROXY_HEADERS.some((name) => request.headers[name] !== undefined);
    if (isProxied || !isLoopbackAddress(request.socket.remoteAddress)) {
      throw new InspectorRefusal(403, 'LOOPBACK_ONLY', 'without a token, only this machine may watch');
    }
  }
  const name = hostnameOf(host);
  const isOwnAddress = isLocal ? isLoopbackAddress(name) : isIP(name) !== 0;
  if (name !== 'localhost' && !isOwnAddress && !allowedHosts.includes(name)) {
    throw new InspectorRefusal(403, 'WRONG_HOST', 'the host is none of those that are allowed');
  }
  if (origin !== undefined && !isOwnPage(request, origin)) {
    throw new InspectorRefusal(403, 'WRONG_ORIGIN', 'the page is of another origin');
  }
}

const KEY_HINT =
  'open the address with the key: `url` of inspector(), `location` of inspectorHandler(); or give them a token';

/** Checks every request that reads or changes something. @throws InspectorRefusal 401 */
export function assertToken(request: IncomingMessage, { token, isLocal }: AccessRules): void {
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined || !timingSafeEqual(digest(given), digest(token))) {
    throw new InspectorRefusal(401, 'WRONG_TOKEN', isLocal ? KEY_HINT : 'the token is missing or wrong');
  }
}

/** Of the same length for all, which the comparison requires. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** `localhost` of `localhost:8080`, `::1` of `[::1]:8080`; empty if it is not a host. */
function hostnameOf(host: string | undefined): string {
  const [, address, name] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(host ?? '') ?? [];
  return (address ?? name ?? '').toLowerCase();
}

/** 127.0.0.0/8, ::1, and the former as an IPv6 address. */
export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined || isIP(address) === 0) return false;
  return address === '::1' || /^(::ffff:)?127\./i.test(address);
}
