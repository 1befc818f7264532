import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * Counts what one turn of the event loop reads from one socket. Time says less: the same turn takes ten times as long on a machine that has
 * other things to do, and the bytes that it read remain the same.
 */
export class TurnReads {
  readonly #before = new Map<Socket, number>();
  #mostBytes = 0;
  #isRunning = true;

  /** Of sockets that come from now on. */
  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#before.set(socket, socket.bytesRead);
      socket.on('close', () => this.#before.delete(socket));
    });
    setImmediate(this.#look);
    onTestFinished(() => {
      this.#isRunning = false;
    });
  }

  /** The most bytes of one socket in one turn. */
  get mostBytes(): number {
    return this.#mostBytes;
  }

  /** Between two calls, libuv polls once, and reads each socket until it is paused, or 32 times. */
  readonly #look = (): void => {
    for (const [socket, before] of this.#before) {
      this.#mostBytes = Math.max(this.#mostBytes, socket.bytesRead - before);
      this.#before.set(socket, socket.bytesRead);
    }
    if (this.#isRunning) setImmediate(this.#look);
  };
}
