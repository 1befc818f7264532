import type { Sink, SinkListener } from './sink.ts';

/** Bytes of the body that may wait for the server that sends it, before it is to read. */
const READ_AHEAD_BYTES = 65_536;

/** The body of a `Response`. Its reader is the server that sends it; what the reader has taken counts as taken. */
export class FetchSink implements Sink {
  readonly framing = 'raw';
  readonly body: ReadableStream<Uint8Array>;
  readonly #listener: SinkListener;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #handed = 0;
  #isFull = false;
  #isEnding = false;
  #isClosed = false;
  /** The bytes up to here have to be taken first. */
  #waiting: { readonly at: number; readonly onTaken: () => void }[] = [];

  constructor(listener: SinkListener) {
    this.#listener = listener;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        // never within `write`
        pull: () => queueMicrotask(() => this.#pulled()),
        cancel: () => this.#closed(),
      },
      { highWaterMark: READ_AHEAD_BYTES, size: ({ length }) => length },
    );
  }

  get unsentBytes(): number {
    return this.#isClosed ? 0 : READ_AHEAD_BYTES - (this.#controller?.desiredSize ?? READ_AHEAD_BYTES);
  }

  get takenBytes(): number {
    return this.#handed - this.unsentBytes;
  }

  /** Copies what is given back: the reader may keep its bytes for as long as it likes. */
  write(parts: readonly Uint8Array[], onTaken?: () => void): void {
    if (this.#isClosed || this.#isEnding) return onTaken?.();
    for (const part of parts) {
      this.#handed += part.length;
      this.#controller?.enqueue(onTaken === undefined ? part : Uint8Array.from(part));
    }
    this.#isFull ||= (this.#controller?.desiredSize ?? 0) <= 0;
    if (onTaken !== undefined) this.#waiting.push({ at: this.#handed, onTaken });
    if (onTaken !== undefined && !this.#isFull) queueMicrotask(() => this.#settle());
    return undefined;
  }

  cork(): void {}

  uncork(): void {}

  end(): void {
    // closing a body twice throws
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    this.#controller?.close();
    queueMicrotask(() => this.#closed());
  }

  destroy(): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    this.#controller?.error(new Error('the hub has ended this response'));
    queueMicrotask(() => this.#closed());
  }

  /** The client has gone, which is no fault: servers report a body that ends with an error. */
  readonly lost = (): void => this.end();

  #pulled(): void {
    this.#settle();
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#listener.onDrain();
  }

  #settle(): void {
    const { takenBytes } = this;
    while ((this.#waiting[0]?.at ?? Infinity) <= takenBytes) this.#waiting.shift()?.onTaken();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { onTaken } of this.#waiting.splice(0)) onTaken();
    this.#listener.onClose();
  }
}
