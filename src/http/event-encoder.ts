import type { Piece } from '../api/socket.ts';
import { chunked } from './event-bytes.ts';
import type { Events } from './events.ts';
import { readFrames } from './frame-reader.ts';
import type { Sink } from './sink.ts';

/** Writes up to this size are joined, once for all clients: a fragment of the hub's at most. */
const JOIN_BYTES = 262_144;

/** Encoded writes that are kept: while a message goes out, all its readers get the same one. */
const KEPT = 16;

interface Kept {
  readonly variant: string;
  readonly parts: readonly Uint8Array[];
  readonly isInside: boolean;
}

/** By the first chunk of the hub's write, which is one object for all connections that get it. Bounded: at most 4 MiB. */
const kept = new Map<Uint8Array, Kept>();

/** Makes events of the hub's frames: once for all responses of the same kind. */
export class EventEncoder {
  readonly #events: Events;
  /** The last write has begun an event that it does not end: nothing else may come before its rest. */
  isInside = false;

  constructor(events: Events) {
    this.#events = events;
  }

  /** Empty for a frame that this response leaves out. */
  encode(piece: Piece, framing: Sink['framing']): readonly Uint8Array[] {
    const [key] = piece;
    const { shared } = this.#events;
    const variant = shared === undefined ? undefined : `${framing} ${shared}`;
    const known = key && kept.get(key);
    if (known !== undefined && known.variant === variant) {
      this.isInside = known.isInside;
      return known.parts;
    }
    const frames = readFrames(piece);
    this.isInside = frames.at(-1)?.isLast === false;
    const parts = frames.flatMap((frame) => this.#events.of(frame));
    const framed = joined(framing === 'chunked' ? chunked(parts) : parts);
    // an epoch that has changed on the way belongs to this connection
    if (key !== undefined && variant !== undefined && shared === this.#events.shared)
      keep(key, { variant, parts: framed, isInside: this.isInside });
    return framed;
  }
}

function joined(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  return parts.length < 2 || size > JOIN_BYTES ? parts : [Buffer.concat(parts, size)];
}

function keep(key: Uint8Array, encoded: Kept): void {
  if (encoded.parts.length > 1) return;
  kept.set(key, encoded);
  if (kept.size <= KEPT) return;
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    return;
  }
}
