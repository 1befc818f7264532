import type { ClientStream, Message } from '../../src/client/index.ts';
import { chunksOf, updatesOf } from '../../src/chunks/index.ts';
import { endOf, simCodec, toldBy } from './contents.ts';
import type { Ledger } from './ledger.ts';
import type { PageThread } from './page-client.ts';

/** What a client has of the streams of a thread: at any moment a beginning of what was written, at the position that it says. */
export class StreamsReading {
  readonly #ledger: Ledger;
  readonly #complain: (what: string) => void;
  /** Streams that have not ended for it. */
  readonly #growing = new Map<string, ClientStream>();
  #readers = 0;

  constructor(handle: PageThread, ledger: Ledger, complain: (what: string) => void) {
    this.#ledger = ledger;
    this.#complain = complain;
    handle.on('stream', (stream) => {
      ledger.note('stream');
      this.#growing.set(stream.id, stream);
      void this.#during(this.#readText(stream));
      void this.#during(this.#readChunks(stream));
      void stream.done.then((message) => this.#onOver(stream, message));
    });
  }

  /** Compares what it has now with what was written. */
  look(): void {
    for (const stream of this.#growing.values()) this.#lookAt(stream);
  }

  /** What still waits for more, after its client was closed. */
  get unended(): readonly string[] {
    const readers = this.#readers > 0 ? [`${this.#readers} readers of streams wait`] : [];
    return [...this.growing.map((id) => `stream ${id} has no end`), ...readers];
  }

  /** Those that go on. */
  get growing(): readonly string[] {
    return [...this.#growing.keys()];
  }

  async #during(reading: Promise<void>): Promise<void> {
    this.#readers++;
    await reading;
    this.#readers--;
  }

  #lookAt(stream: ClientStream): void {
    const wrong = this.#ledger.streams.wrongIn(stream);
    if (wrong !== undefined) this.#complain(wrong);
  }

  /** A page that shows the text as it comes. */
  async #readText(stream: ClientStream): Promise<void> {
    let shown = '';
    for await (const piece of stream) {
      shown += piece;
      this.#show(stream, shown);
    }
    if (shown !== stream.text) this.#complain(`a reader of ${stream.id} was given '${shown}' of '${stream.text}'`);
  }

  async #readChunks(stream: ClientStream): Promise<void> {
    let shown = '';
    for await (const { chunks, isReset } of updatesOf(stream, simCodec)) {
      this.#ledger.note(isReset ? 'chunks begun anew' : 'chunks');
      shown = (isReset ? '' : shown) + toldBy(chunks);
      this.#show(stream, shown);
    }
  }

  #show(stream: ClientStream, shown: string): void {
    if (this.#ledger.streams.isNoBeginning(stream.id, shown))
      this.#complain(`a reader of ${stream.id} was given '${shown}', which was never written`);
    this.#lookAt(stream);
  }

  #onOver(stream: ClientStream, message: Message | undefined): void {
    const { id } = stream;
    this.#growing.delete(id);
    this.#lookAt(stream);
    if (message === undefined) return;
    const isChunks = typeof message.data === 'object' && message.data !== null && 'chunks' in message.data;
    const has = isChunks ? toldBy(chunksOf(stream, simCodec)) : stream.text;
    const end = endOf(message.data) ?? '';
    this.#ledger.note(!isChunks ? 'stream done' : has === end ? 'chunks done' : 'chunks cut short');
    // the last chunks may have gone while the client was away: the message has them, and only the codec knows where
    if (isChunks ? !end.startsWith(has) : end !== has) this.#complain(`stream ${id} is '${has}', its message '${end}'`);
  }
}
