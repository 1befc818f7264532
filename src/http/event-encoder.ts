import type { Piece } from '../api/socket.ts';
import { chunked, COMMENT, eventParts, retryLine, silentEvent } from './event-bytes.ts';
import { readFrames, type FramePiece } from './frame-reader.ts';
import type { Places } from './places.ts';
import type { Sink } from './sink.ts';
import { dataStart, wordOf } from './words.ts';

/** `json`: each frame of the protocol is an event. `plain`: the bare JSON of each message. */
export type EventFormat = 'json' | 'plain';

/** Writes up to this size are joined, once for all clients: a fragment of the hub's at most. */
const JOIN_BYTES = 262_144;

/** Encoded writes that are kept: while a message goes out, all its readers get the same one. */
const KEPT = 16;

interface Kept {
  readonly variant: string;
  readonly parts: readonly Uint8Array[];
}

/** By the first chunk of the hub's write, which is one object for all connections that get it. Bounded: at most 4 MiB. */
const kept = new Map<Uint8Array, Kept>();

/** Makes events of the hub's frames: once for all responses of the same kind. */
export class EventEncoder {
  readonly #places: Places;
  readonly #format: EventFormat;

  constructor(places: Places, format: EventFormat) {
    this.#places = places;
    this.#format = format;
  }

  /** Empty for a frame that this response leaves out. */
  encode(piece: Piece, framing: Sink['framing']): readonly Uint8Array[] {
    const [key] = piece;
    const { shared } = this.#places;
    const variant = shared === undefined ? undefined : `${framing} ${this.#format} ${shared}`;
    const known = key && kept.get(key);
    if (known !== undefined && known.variant === variant) return known.parts;
    const parts = readFrames(piece).flatMap((frame) => this.#event(frame));
    const framed = joined(framing === 'chunked' ? chunked(parts) : parts);
    // an epoch that has changed on the way belongs to this connection
    if (key !== undefined && variant !== undefined && shared === this.#places.shared) keep(key, variant, framed);
    return framed;
  }

  #event(frame: FramePiece): readonly Uint8Array[] {
    if (!frame.isFirst) return this.#format === 'plain' ? plainParts(frame, undefined) : eventParts(frame, undefined);
    const word = wordOf(frame);
    const id = this.#places.idAfter(word);
    if (word.t === 'hb') return [COMMENT];
    const retry = word.retryMs === undefined ? [] : [retryLine(word.retryMs)];
    if (this.#format === 'json') return [...retry, ...eventParts(frame, id)];
    if (word.t === 'msg') return word.isBytes ? [BYTES_EVENT, ...plainParts(frame, id)] : plainParts(frame, id);
    return id === undefined ? retry.concat(retry.length > 0 ? LINE : []) : [...retry, silentEvent(id)];
  }
}

/** A message of bytes is an event of its own: its data is a text that could as well be a message. */
const BYTES_EVENT = Buffer.from('event: bytes\n');

const LINE: readonly Uint8Array[] = [Buffer.from('\n')];

/** The message alone, without the envelope around it. */
function plainParts(frame: FramePiece, id: string | undefined): Uint8Array[] {
  let chunks = frame.chunks;
  if (frame.isFirst) {
    const whole = Buffer.concat(chunks.slice(0, 2));
    chunks = [whole.subarray(dataStart(whole)), ...chunks.slice(2)];
  }
  const last = chunks.at(-1);
  // the brace after the data
  if (frame.isLast && last !== undefined) chunks = [...chunks.slice(0, -1), last.subarray(0, -1)];
  return eventParts({ ...frame, chunks }, id);
}

function joined(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  return parts.length < 2 || size > JOIN_BYTES ? parts : [Buffer.concat(parts, size)];
}

function keep(key: Uint8Array, variant: string, parts: readonly Uint8Array[]): void {
  if (parts.length > 1) return;
  kept.set(key, { variant, parts });
  if (kept.size <= KEPT) return;
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    return;
  }
}
