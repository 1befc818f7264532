import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

const TICK_MS = 20;

/**
 * Makes a client read like one on a slow line: its socket is paused whenever it has read more than the line would have
 * carried, so that the kernel's buffers fill up and the server feels it.
 */
export function throttle(webSocket: WebSocket, bytesPerSecond: number): void {
  webSocket.once('upgrade', ({ socket }: { socket: Socket }) => {
    let allowance = 0;
    let readBefore = 0;
    const timer = setInterval(() => {
      allowance += (bytesPerSecond * TICK_MS) / 1_000 - (socket.bytesRead - readBefore);
      readBefore = socket.bytesRead;
      // an idle line saves nothing up for later
      allowance = Math.min(allowance, bytesPerSecond / 10);
      if (allowance > 0) webSocket.resume();
      else webSocket.pause();
    }, TICK_MS);
    webSocket.once('close', () => clearInterval(timer));
  });
}
