import { dropExcess } from './excess.ts';
import { TextStream } from './stream.ts';
import type { Message } from './api.ts';
import type { ReaderBuffer } from './reader-buffer.ts';

/** Streams of one thread at a time; a server has fewer. */
const MAX_STREAMS = 256;

/** Ended streams that are remembered. */
const REMEMBERED = 32;

/** What the streams of a thread need from it. */
export interface StreamsHost {
  /** Asks the publisher of a stream to stop. */
  cancel(streamId: string): void;
}

/** The token streams of a thread that are still growing. */
export class OpenStreams {
  readonly #byId = new Map<string, TextStream>();
  readonly #host: StreamsHost;
  readonly #readers: ReaderBuffer;
  /** UTF-16 units of one stream. */
  readonly #maxLength: number;

  /** Streams whose message has arrived, newest last: later text does not begin them again. */
  readonly #ended = new Set<string>();

  constructor(host: StreamsHost, readers: ReaderBuffer, maxLength: number) {
    this.#host = host;
    this.#readers = readers;
    this.#maxLength = maxLength;
  }

  /** Those that have begun. */
  get begun(): readonly TextStream[] {
    return [...this.#byId.values()].filter(({ isBegun }) => isBegun);
  }

  /** How much of each has been received; undefined if there are none. */
  get positions(): object | undefined {
    const { begun } = this;
    return begun[0] && Object.fromEntries(begun.map(({ id, text }) => [id, text.length]));
  }

  /** Whether the application has received this stream. */
  isShown(id: string): boolean {
    return this.#byId.get(id)?.isShown === true;
  }

  /** Text from the position `at`, or undefined if the stream is lost. */
  add(id: string, at: number, text: string | undefined): void {
    if (text === undefined) this.end(id);
    if (text === undefined || this.#ended.has(id) || (at > 0 && !this.#byId.has(id))) return;
    const stream = this.follow(id);
    // the final message has all of it
    if (at + text.length <= this.#maxLength) stream.add(at, text);
    stream.isBegun = true;
    this.#show(stream);
  }

  /** The stream, which may begin later; one that is over if its message has arrived. */
  follow(id: string): TextStream {
    let stream = this.#byId.get(id);
    if (stream) return stream;
    stream = new TextStream(id, () => this.#host.cancel(id));
    if (this.#ended.has(id)) stream.end();
    else {
      this.#byId.set(id, stream);
      dropExcess(this.#byId, MAX_STREAMS, (oldest) => this.end(oldest));
    }
    return stream;
  }

  end(id: string, message?: Message): void {
    const stream = this.#byId.get(id);
    if (!stream) return;
    stream.end(message);
    this.#byId.delete(id);
    if (!message) return;
    this.#ended.add(id);
    dropExcess(this.#ended, REMEMBERED);
  }

  /** Messages are missing, possibly final ones: growing streams begin again. */
  endAll(): void {
    for (const id of this.#byId.keys()) this.end(id);
  }

  /** There is a listener. */
  showAll(): void {
    for (const stream of this.begun) this.#show(stream);
  }

  /** After a reconnect: the server may not have received it. */
  cancelAgain(): void {
    for (const { isCancelled, cancel } of this.#byId.values()) if (isCancelled) cancel();
  }

  #show(stream: TextStream): void {
    stream.isShown ||= this.#readers.emit('stream', stream);
  }
}
