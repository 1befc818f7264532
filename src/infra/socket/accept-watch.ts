import type { Socket } from 'node:net';
import type { UpgradeServer } from '../../api/attach.ts';
import type { NativeSender } from '../native/native-sender.ts';
import { fdOf } from './descriptor.ts';

/** One listener for each server, however many hubs are attached to it. */
const watches = new WeakMap<UpgradeServer, { users: number; readonly stop: () => void }>();

/**
 * Tells the sender of each socket that the server accepts, before its handshake is read: in a burst, the kernel hands over hundreds of sockets
 * first. Without descriptors, libuv closes them without a word.
 *
 * @returns the function that ends it
 */
export function watchAccepts(server: UpgradeServer, sender: NativeSender | undefined): () => void {
  if (sender === undefined) return () => {};
  const watch = watches.get(server) ?? begin(server, sender);
  watch.users++;
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    if (--watch.users > 0) return;
    watch.stop();
    watches.delete(server);
  };
}

function begin(server: UpgradeServer, { reserve }: NativeSender): { users: number; readonly stop: () => void } {
  const onConnection = (socket: Socket): void => reserve.onAccepted(fdOf(socket) ?? -1);
  server.on('connection', onConnection);
  const watch = { users: 0, stop: () => void server.off('connection', onConnection) };
  watches.set(server, watch);
  return watch;
}
