import { parsePosition } from '../infra/log/ids.ts';
import { COMMENT, END, oneLine } from './event-bytes.ts';
import type { Events } from './events.ts';
import type { FramePiece } from './frame-reader.ts';
import { ThreadPlaces } from './places.ts';
import { streamOffset } from './stream-offset.ts';
import { streamChunks } from './stream-chunks.ts';
import { wordOf, type Word } from './words.ts';

const DATA = Buffer.from('event: data\ndata:[');
const DATA_END = Buffer.from(']\n\n');

/** Events of Durable Streams (section 5.7): after each message, a `control` event says where the client stands. */
export class StreamEvents implements Events {
  readonly #places: ThreadPlaces;
  readonly #cursor: string;
  /** The newest offset of the thread when it was joined. */
  #head = Infinity;
  #isUpToDate = false;
  /** The rest of a message follows. */
  #isInMessage = false;
  #isOfBytes = false;
  #isOver = false;
  /** Whether its connection still has to be given messages. */
  isBehind: () => boolean = () => true;

  /** @param from where to join */
  constructor(threadId: string, from: string | undefined, cursor: string) {
    this.#places = new ThreadPlaces(threadId, from);
    this.#cursor = cursor;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Until the client has caught up, what its events say is about this response. */
  get shared(): string | undefined {
    return this.#isUpToDate && !this.#isInMessage ? `stream ${this.#cursor} ${this.#places.shared}` : undefined;
  }

  of(frame: FramePiece): readonly Uint8Array[] {
    if (frame.isFirst) {
      const word = wordOf(frame);
      this.#places.idAfter(word);
      // volatile messages are not in the log
      this.#isInMessage = word.t === 'msg' && word.o !== undefined;
      this.#isOfBytes = word.isBytes;
      if (!this.#isInMessage) return this.#besides(word);
    }
    if (!this.#isInMessage) return [];
    this.#isInMessage = !frame.isLast;
    const begin = frame.isFirst ? [DATA] : [];
    const data = streamChunks(frame, this.#isOfBytes).map(oneLine);
    return frame.isLast ? [...begin, ...data, DATA_END, this.#control()] : [...begin, ...data];
  }

  /** The client comes back where the last `control` event says. */
  ofClose(): readonly Uint8Array[] {
    return [];
  }

  #besides(word: Word): readonly Uint8Array[] {
    switch (word.t) {
      case 'joined':
        this.#head = this.#offset + (word.recovered ?? 0);
        return this.#offset < this.#head ? [] : [this.#control()];
      case 'gap':
      case 'left':
        this.#isOver = true;
        return [];
      case 'hb':
        if (this.#isUpToDate || this.isBehind()) return [COMMENT];
        // entries without a message, such as superseded ones, have moved no position
        this.#head = 0;
        return [this.#control()];
      default:
        return [];
    }
  }

  get #offset(): number {
    const { position } = this.#places;
    return position === undefined ? 0 : parsePosition(position).offset;
  }

  #control(): Uint8Array {
    this.#isUpToDate ||= this.#offset >= this.#head;
    const { position = '' } = this.#places;
    const upToDate = this.#isUpToDate ? true : undefined;
    const text = JSON.stringify({ streamNextOffset: streamOffset(position), streamCursor: this.#cursor, upToDate });
    return Buffer.concat([Buffer.from(`event: control\ndata:${text}`), END]);
  }
}
