import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isOwnPage } from '../infra/socket/request-target.ts';
import { InspectorRefusal } from './refusal.ts';

/** Who may watch. */
export interface AccessRules {
  /** Who brings it may. */
  readonly token: string;
  /** The token is a key that was made here, for who can read what this process says: only this machine may watch. */
  readonly isLocal: boolean;
  /** Names of hosts, without ports, by which the server may be called besides `localhost` and bare addresses. */
  readonly allowedHosts: readonly string[];
}

/**
 * Headers that a proxy adds: behind one, every peer is on this machine. A proxy may add none, and give its own name as `Host`, as nginx
 * does unless it is told otherwise: so this only says sooner what is wrong, and what proves the place is the key.
 */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/**
 * What holds for every request, the page's files included.
 *
 * A page of somebody else's in a browser on this machine reaches loopback as well. It is stopped by the host's name (it may have
 * its own name resolve to 127.0.0.1, DNS rebinding, but cannot change what the browser sends as `Host`) and by its origin.
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

/** What holds for all that tells or changes something. @throws InspectorRefusal 401 */
export function assertToken(request: IncomingMessage, { token, isLocal }: AccessRules): void {
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined || !timingSafeEqual(digest(given), digest(token))) {
    throw new InspectorRefusal(401, 'WRONG_TOKEN', isLocal ? KEY_HINT : 'the token is missing or wrong');
  }
}

/** Of the same length for all, which the comparison asks for. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** `localhost` of `localhost:8080`, `::1` of `[::1]:8080`; empty for what is no host. */
function hostnameOf(host: string | undefined): string {
  const [, address, name] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(host ?? '') ?? [];
  return (address ?? name ?? '').toLowerCase();
}

/** 127.0.0.0/8, ::1, and the former as an IPv6 address. */
export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined || isIP(address) === 0) return false;
  return address === '::1' || /^(::ffff:)?127\./i.test(address);
}
