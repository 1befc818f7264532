import type { Piece } from '../api/socket.ts';

// A hub encodes each message once, as WebSocket frames (RFC 6455 section 5.2). This reads them back: an SSE response shares these bytes.

/** A text message, or a piece of one. */
export interface FramePiece {
  /** The first piece of its message. */
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** The payload; the hub's frames are not masked. */
  readonly chunks: readonly Uint8Array[];
}

const FIN = 0x80;
const CONTINUATION = 0;

/** The frames of one write. A write holds whole frames, each header within one chunk. */
export function readFrames(piece: Piece): FramePiece[] {
  const frames: FramePiece[] = [];
  let chunks: Uint8Array[] = [];
  let missing = 0;
  for (const part of piece) {
    let at = 0;
    while (at < part.length) {
      if (missing === 0) {
        const first = part[at] ?? 0;
        const { length, bytes } = lengthAt(part, at);
        at += bytes;
        missing = length;
        chunks = [];
        frames.push({ isFirst: (first & 0x0f) !== CONTINUATION, isLast: (first & FIN) !== 0, chunks });
        continue;
      }
      const chunk = part.subarray(at, at + missing);
      chunks.push(chunk);
      missing -= chunk.length;
      at += chunk.length;
    }
  }
  return frames;
}

/** The payload's length, and the bytes of the header. */
function lengthAt(part: Uint8Array, at: number): { readonly length: number; readonly bytes: number } {
  const short = (part[at + 1] ?? 0) & 0x7f;
  if (short < 126) return { length: short, bytes: 2 };
  const view = new DataView(part.buffer, part.byteOffset + at, part.length - at);
  if (short === 126) return { length: view.getUint16(2), bytes: 4 };
  return { length: Number(view.getBigUint64(2)), bytes: 10 };
}
