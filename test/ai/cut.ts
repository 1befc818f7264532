import type { Socket } from 'node:net';

/** As when the clients reset their lines: the sockets of the server have an error. Destroyed without one, they were taken by this process. */
export function cut({ sockets }: { readonly sockets: Socket[] }): void {
  for (const socket of sockets.splice(0)) socket.destroy(new Error('reset by the client'));
}
