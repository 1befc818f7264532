import { COMMENT, eventParts, retryLine, silentEvent, textEvent } from './event-bytes.ts';
import type { FramePiece } from './frame-reader.ts';
import type { Places } from './places.ts';
import { bareChunks, wordOf } from './words.ts';

/** Makes events of frames, for one response. */
export interface Events {
  /** Events of the same frame are the same for all responses for which this text is; undefined if they are its own. */
  readonly shared: string | undefined;
  /** The bytes of this piece's event; empty for a frame that the response leaves out. */
  of(frame: FramePiece): readonly Uint8Array[];
  /** The last event of a response that the hub closes. */
  ofClose(code: number, reason: string): readonly Uint8Array[];
  /** The thread does not go on from where the client stood, or the client has left it: the response ends. */
  readonly isOver: boolean;
}

/** `json`: each frame of the protocol is an event. `plain`: the bare JSON of each message. */
export type EventFormat = 'json' | 'plain';

/** A message of bytes is an event of its own: its data is a text that could as well be a message. */
const BYTES_EVENT = Buffer.from('event: bytes\n');

const LINE: readonly Uint8Array[] = [Buffer.from('\n')];

/** Events for `EventSource`: their ids are positions. */
export class FrameEvents implements Events {
  readonly isOver = false;
  readonly #places: Places;
  readonly #format: EventFormat;

  constructor(places: Places, format: EventFormat) {
    this.#places = places;
    this.#format = format;
  }

  get shared(): string | undefined {
    const { shared } = this.#places;
    return shared === undefined ? undefined : `${this.#format} ${shared}`;
  }

  of(frame: FramePiece): readonly Uint8Array[] {
    if (!frame.isFirst) return this.#format === 'plain' ? plainParts(frame, undefined) : eventParts(frame, undefined);
    const word = wordOf(frame);
    const id = this.#places.idAfter(word);
    if (word.t === 'hb') return [COMMENT];
    const retry = word.retryMs === undefined ? [] : [retryLine(word.retryMs)];
    if (this.#format === 'json') return [...retry, ...eventParts(frame, id)];
    if (word.t === 'msg') return word.isBytes ? [BYTES_EVENT, ...plainParts(frame, id)] : plainParts(frame, id);
    return id === undefined ? retry.concat(retry.length > 0 ? LINE : []) : [...retry, silentEvent(id)];
  }

  ofClose(code: number, reason: string): readonly Uint8Array[] {
    return [textEvent(JSON.stringify({ t: 'close', code, reason }), this.#format === 'plain' ? 'close' : undefined)];
  }
}

/** The message alone, without the envelope around it. */
const plainParts = (frame: FramePiece, id: string | undefined): Uint8Array[] =>
  eventParts({ ...frame, chunks: bareChunks(frame) }, id);
