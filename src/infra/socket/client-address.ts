import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv4, isIPv6, type Socket } from 'node:net';

// Addresses of private networks and of this machine (RFC 1918, 4193, 4291, 6598): these are a proxy's, not a client's.

/** 10/8, 100.64/10, 127/8, 169.254/16, 172.16/12, 192.168/16. A `BlockList` would create an object for each check. */
const LOCAL_IPV4 = /^(?:10|127|169\.254|192\.168|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])|172\.(?:1[6-9]|2\d|3[01]))\./;

const LOCAL_IPV6 = new BlockList();
LOCAL_IPV6.addAddress('::1', 'ipv6');
LOCAL_IPV6.addSubnet('fc00::', 7, 'ipv6');
LOCAL_IPV6.addSubnet('fe80::', 10, 'ipv6');

/**
 * The client's address, as its socket tells. No header counts: every client can send one. Undefined for a private address, which is most
 * likely a proxy's: all clients behind it would be one.
 */
export function directAddress({ socket }: Pick<IncomingMessage, 'socket'>): string | undefined {
  const address = remoteAddressOf(socket);
  return address === undefined || isLocal(withoutMapping(address)) ? undefined : address;
}

/** Asks the socket's handle if there is one: Node keeps the answer of `remoteAddress`, 140 bytes, as long as the socket. */
function remoteAddressOf(socket: Socket): string | undefined {
  const handle: unknown = '_handle' in socket ? socket._handle : undefined;
  if (typeof handle !== 'object' || handle === null || !('getpeername' in handle)) return socket.remoteAddress;
  const { getpeername } = handle;
  const peer: { address?: unknown } = {};
  if (typeof getpeername === 'function') Reflect.apply(getpeername, handle, [peer]);
  return typeof peer.address === 'string' ? peer.address : socket.remoteAddress;
}

function isLocal(address: string): boolean {
  return address.includes(':') ? LOCAL_IPV6.check(address, 'ipv6') : LOCAL_IPV4.test(address);
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
