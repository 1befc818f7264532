import type { Socket } from 'node:net';

/**
 * Bytes that the kernel has taken. Public counters move only when a whole write is done, and on a slow line one write may take longer than a
 * stall does. libuv's handle counts what the kernel has taken of a write in progress, so look there first (Node's own socket timeouts do
 * the same).
 */
export function takenBytesOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle === 'object' && handle !== null && 'bytesWritten' in handle && 'writeQueueSize' in handle) {
    const { bytesWritten, writeQueueSize } = handle;
    if (typeof bytesWritten === 'number' && typeof writeQueueSize === 'number') return bytesWritten - writeQueueSize;
  }
  return socket.bytesWritten - socket.writableLength;
}
