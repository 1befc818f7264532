import { rangeOf } from '../../infra/wire/bytes-body.ts';

/** Bytes of a big chunk's JSON in one frame or node message: an urgent chunk waits for one of them at most, besides what is already in the socket. */
const PIECE_BYTES = 64 * 1024;

/** The JSON of a big chunk, made once: all connections and the other processes get these bytes. */
export class BigJson {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;

  /** @param chunks that are not written any more; the last reader's end frees them */
  constructor(chunks: readonly Uint8Array[], bytes: number) {
    this.chunks = chunks;
    this.bytes = bytes;
  }

  /** How many pieces it is sent in. */
  get pieces(): number {
    return Math.ceil(this.bytes / PIECE_BYTES);
  }

  /** The text of a piece. A character that is cut belongs to the piece in which it ends. */
  piece(n: number): string {
    return rangeOf(this.chunks, this.#cut(n), this.#cut(n + 1)).toString();
  }

  /** In one go, which takes milliseconds for each MiB. */
  parse(): unknown {
    return JSON.parse(Buffer.concat(this.chunks).toString());
  }

  /** Where a piece begins. */
  #cut(n: number): number {
    const end = n * PIECE_BYTES;
    if (n === 0 || end >= this.bytes) return Math.min(end, this.bytes);
    // a character has four bytes at most
    const around = rangeOf(this.chunks, end - 3, end + 1);
    let back = 0;
    while (back < 3 && isWithinCharacter(around[3 - back])) back++;
    return end - back;
  }
}

/** A byte of a character that is not its first (RFC 3629). */
const isWithinCharacter = (byte = 0): boolean => (byte & 0xc0) === 0x80;
