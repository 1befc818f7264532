import type { FramePiece } from './frame-reader.ts';
import { bareChunks } from './words.ts';

const BYTES = Buffer.from('{"base64":');
const BYTES_END = Buffer.from('}');

/** The JSON of a message in a stream, as far as this piece goes: that of bytes says what it is. */
export function streamChunks(frame: FramePiece, isBytes: boolean): readonly Uint8Array[] {
  const chunks = bareChunks(frame);
  if (!isBytes) return chunks;
  return [...(frame.isFirst ? [BYTES] : []), ...chunks, ...(frame.isLast ? [BYTES_END] : [])];
}
