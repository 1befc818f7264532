import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Addresses of private networks and of this machine (RFC 1918, 4193, 4291, 6598): these are a proxy's, not a client's. */
const LOCAL = new BlockList();
LOCAL.addSubnet('10.0.0.0', 8);
LOCAL.addSubnet('100.64.0.0', 10);
LOCAL.addSubnet('127.0.0.0', 8);
LOCAL.addSubnet('169.254.0.0', 16);
LOCAL.addSubnet('172.16.0.0', 12);
LOCAL.addSubnet('192.168.0.0', 16);
LOCAL.addAddress('::1', 'ipv6');
LOCAL.addSubnet('fc00::', 7, 'ipv6');
LOCAL.addSubnet('fe80::', 10, 'ipv6');

/** Headers that proxies add. */
const FORWARDING = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'cf-connecting-ip', 'via'] as const;

/**
 * The client's address, if the socket shows it. Undefined if the request came through a proxy, as its headers or its private address show:
 * all clients behind the proxy would count as one.
 */
export function directAddress({ headers, socket }: IncomingMessage): string | undefined {
  const address = socket.remoteAddress;
  if (address === undefined || FORWARDING.some((header) => headers[header] !== undefined)) return undefined;
  const plain = withoutMapping(address);
  return LOCAL.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4') ? undefined : address;
}

/** What identifies one client: an IPv4 address, or a 64-bit network of IPv6 (RFC 6177). Any other address is used as it is. */
export function clientNetwork(address: string): string {
  const plain = withoutMapping(address);
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('%', 1)[0]?.split('::') ?? [];
  const groups = groupsOf(head);
  const rest = groupsOf(tail ?? '');
  // `::` stands for all missing zeros
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

function groupsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(':');
}

/** `::ffff:192.0.2.1` is an IPv4 address on a dual-stack socket. */
function withoutMapping(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  return mapped !== undefined && isIPv4(mapped) ? mapped : address;
}
