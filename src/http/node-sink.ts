import type { ServerResponse } from 'node:http';
import { OutgoingMessage } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { Socket } from 'node:net';
import { takenBytesOf } from '../infra/socket/taken-bytes.ts';
import type { Sink, SinkListener } from './sink.ts';

export type NodeResponse = ServerResponse | Http2ServerResponse;

/** @param response whose head has been written */
export function nodeSink(response: NodeResponse, listener: SinkListener): Sink {
  const socket = directSocketOf(response);
  return socket === undefined ? new ResponseSink(response, listener) : new SocketSink(response, socket, listener);
}

/**
 * The socket of an HTTP/1.1 response, if we may write chunks of the body to it by ourselves: `response.write` would make four buffers of each
 * chunk, for each client. Not of a response that waits for an earlier one, and not where a middleware, such as one that compresses, has
 * replaced `write`.
 */
function directSocketOf(response: NodeResponse): Socket | undefined {
  if (!(response instanceof OutgoingMessage) || response.write !== OutgoingMessage.prototype.write) return undefined;
  const { socket, chunkedEncoding } = response;
  return socket instanceof Socket && chunkedEncoding ? socket : undefined;
}

/** Writes past the response, in chunks that all clients share. */
class SocketSink implements Sink {
  readonly framing = 'chunked';
  readonly #response: NodeResponse;
  readonly #socket: Socket;

  constructor(response: NodeResponse, socket: Socket, listener: SinkListener) {
    this.#response = response;
    this.#socket = socket;
    const onDrain = (): void => listener.onDrain();
    socket.on('drain', onDrain);
    response.once('close', () => {
      socket.off('drain', onDrain);
      listener.onClose();
    });
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  get takenBytes(): number {
    return takenBytesOf(this.#socket);
  }

  write(parts: readonly Uint8Array[], onTaken?: () => void): void {
    const socket = this.#socket;
    const last = parts.length - 1;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(parts[i] ?? EMPTY);
    // the callback is always called, with an error when the socket is destroyed
    if (onTaken === undefined) socket.write(parts[last] ?? EMPTY);
    else socket.write(parts[last] ?? EMPTY, onTaken);
    if (last > 0) socket.uncork();
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  end(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Of HTTP/2, of HTTP/1.0, or with a middleware in between. */
class ResponseSink implements Sink {
  readonly framing = 'raw';
  readonly #response: NodeResponse;
  #handed = 0;
  /** Called when the bytes are taken; a response that is gone may forget its callbacks. */
  readonly #waiting = new Set<() => void>();

  constructor(response: NodeResponse, listener: SinkListener) {
    this.#response = response;
    response.on('drain', () => listener.onDrain());
    response.once('close', () => {
      for (const onTaken of this.#waiting) onTaken();
      this.#waiting.clear();
      listener.onClose();
    });
  }

  get unsentBytes(): number {
    return this.#response.writableLength;
  }

  get takenBytes(): number {
    return this.#handed - this.#response.writableLength;
  }

  write(parts: readonly Uint8Array[], onTaken?: () => void): void {
    const response = this.#response;
    if (onTaken !== undefined) this.#waiting.add(onTaken);
    const done = (): void => {
      if (onTaken !== undefined && this.#waiting.delete(onTaken)) onTaken();
    };
    const all = parts.length === 0 ? [EMPTY] : parts;
    all.forEach((part, i) => {
      this.#handed += part.length;
      if (i === all.length - 1 && onTaken !== undefined) write(response, part, done);
      else write(response, part);
    });
  }

  cork(): void {}

  uncork(): void {}

  end(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }
}

/** The two kinds of response have the method under types that cannot be called together. */
function write(response: NodeResponse, bytes: Uint8Array, done?: () => void): void {
  if (response instanceof OutgoingMessage) response.write(bytes, done);
  else response.write(bytes, 'utf8', done);
}

const EMPTY = new Uint8Array(0);
