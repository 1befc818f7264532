import { constants, deflateRaw } from 'node:zlib';
import { WORTHWHILE } from './deflate.ts';
import { encodeWhole, type MessageType } from './frames.ts';
import type { WindowBits } from '../../api/socket.ts';

/** The source of the parts. */
interface PartPayloads {
  readonly type: MessageType;
  readonly count: number;
  /** The payload of a part as bytes. */
  payload(n: number): Buffer;
}

/** Parts that are compressed ahead of the requested one: each takes about a millisecond of another thread. */
const AHEAD = 3;

/** Compressed parts kept while a client reads. */
const KEPT = 16;

/** The bytes that end a sync flush, and that RFC 7692 section 7.2.1 leaves out. */
const TAIL_BYTES = 4;

interface Slot {
  readonly n: number;
  frame: Uint8Array | undefined;
  readonly waiting: ((frame: Uint8Array) => void)[];
}

/**
 * The parts of a big message, each compressed by itself for one window size, off the event loop and once for all its readers. A message
 * that is compressed as a whole cannot be interrupted by other messages, nor continue in the middle after a reconnect.
 */
export class DeflatedParts {
  readonly #parts: PartPayloads;
  readonly #windowBits: WindowBits;
  readonly #level: number;
  readonly #slots: (Slot | undefined)[] = [];

  constructor(parts: PartPayloads, windowBits: WindowBits, level: number) {
    this.#parts = parts;
    this.#windowBits = windowBits;
    this.#level = level;
  }

  /**
   * The whole frame of part `n`. Undefined while it is being compressed; then `onReady` gets it. If zlib fails, or compression does not
   * pay, the frame is a plain one.
   */
  frame(n: number, onReady: (frame: Uint8Array) => void): Uint8Array | undefined {
    const last = Math.min(n + AHEAD, this.#parts.count - 1);
    for (let next = n + 1; next <= last; next++) this.#slot(next);
    const slot = this.#slot(n);
    if (slot.frame === undefined) slot.waiting.push(onReady);
    return slot.frame;
  }

  clear(): void {
    this.#slots.length = 0;
  }

  #slot(n: number): Slot {
    const kept = this.#slots[n % KEPT];
    if (kept?.n === n) return kept;
    const slot: Slot = { n, frame: undefined, waiting: [] };
    this.#slots[n % KEPT] = slot;
    const payload = this.#parts.payload(n);
    const options = { windowBits: this.#windowBits, level: this.#level, finishFlush: constants.Z_SYNC_FLUSH };
    deflateRaw(payload, options, (error, deflated) => {
      const { type } = this.#parts;
      const isSmall = error === null && deflated.length < payload.length * WORTHWHILE;
      const frame = isSmall
        ? encodeWhole(deflated.subarray(0, -TAIL_BYTES), 'deflated', type)
        : encodeWhole(payload, 'plain', type);
      slot.frame = frame;
      // every waiting reader gets it now: until it asks again, another part may be in its slot
      for (const onReady of slot.waiting.splice(0)) onReady(frame);
    });
    return slot;
  }
}
