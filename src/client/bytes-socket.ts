import { fieldsOf, isText, textOf } from './fields.ts';
import { parseJson } from './frames.ts';
import { headerOf, type BytesReader } from './bytes-reader.ts';
import type { Frame, OpenSocket, WebSocketLike } from './socket.ts';

type Listener = (event: unknown) => void;

/** Around a socket: frames with bytes come to the client as objects, and go out as binary messages. */
export class BytesSocket implements WebSocketLike {
  /** The server has said that it takes binary messages. */
  #takesBytes = false;
  readonly #socket: WebSocketLike;
  readonly #reader: BytesReader;
  readonly #isRead: (threadId: unknown) => boolean;
  readonly #listeners: Listener[] = [];

  /**
   * @param url where `open` connects to
   * @param reader shared by all sockets of a client
   * @param isRead whether the client takes a thread's frames from this socket
   */
  constructor(open: OpenSocket, url: string, reader: BytesReader, isRead: (threadId: unknown) => boolean) {
    const socket = open(`${url}&bytes=1`);
    this.#socket = socket;
    this.#reader = reader;
    this.#isRead = isRead;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', (event) => this.#receive(fieldsOf(event)['data']));
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  send(frame: Frame): void {
    if (isText(frame) || this.#takesBytes) this.#socket.send(frame);
    else {
      const { th, id } = headerOf(frame);
      // not within the call that publishes
      queueMicrotask(() => this.#hand({ t: 'err', th, id, code: 'unsupported' }));
    }
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: Listener): void {
    if (type === 'message') this.#listeners.push(listener);
    else this.#socket.addEventListener(type, listener);
  }

  #receive(data: unknown): void {
    if (textOf(data)?.startsWith('{"t":"hello"') === true) {
      const { limits } = fieldsOf(parseJson(String(data)));
      this.#takesBytes = fieldsOf(limits)['binary'] !== undefined;
    }
    this.#hand(this.#reader.read(data, this.#isRead));
  }

  #hand(data: unknown): void {
    for (const listener of this.#listeners) listener({ data });
  }
}
