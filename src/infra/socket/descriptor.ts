import type { Socket } from 'node:net';

/** The descriptor of a plain TCP socket that is open. */
export function fdOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null || handle.constructor.name !== 'TCP') return undefined;
  return 'fd' in handle && typeof handle.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}
