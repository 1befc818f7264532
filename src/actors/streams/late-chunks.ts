import type { StreamChunks } from './stream-chunks.ts';
import type { StreamState } from './stream-state.ts';
import type { TextReader } from './text-reader.ts';

/** Pieces of a big chunk that one visit writes before other threads of the connection have their turn. */
const PIECES_PER_VISIT = 2;

/** Writes the next frame at this position, and notes big chunks that it passes. Returns the position after it. */
export function writeFrame(stream: StreamState, reader: TextReader, at: number): number {
  const { content, chunks } = stream;
  if (chunks === undefined || !reader.takesLate) {
    const { piece, bytes, to } = content.frame(at);
    reader.writeFrame(piece, bytes);
    return to;
  }
  const { piece, bytes, to } = chunks.passingFrame(at);
  reader.writeFrame(piece, bytes);
  notePassed(stream, chunks, reader, { at, to });
  return to;
}

/** The position after the frame that `writeFrame` would write. */
export const frameEnd = ({ content, chunks }: StreamState, reader: TextReader, at: number): number =>
  (chunks !== undefined && reader.takesLate ? chunks.passingFrame(at) : content.frame(at)).to;

/** The next chunk waits for big ones that were passed. */
export function mustWait({ late, chunks }: StreamState, reader: TextReader, at: number): boolean {
  return late.size > 0 && late.has(reader) && chunks?.isLastAt(at) === true;
}

/** Writes pieces of the chunks that were passed, as far as the line takes them; true when the member has had all of them. */
export function writePieces({ late, chunks, cursors }: StreamState, reader: TextReader): boolean {
  for (let left = PIECES_PER_VISIT; ; left--) {
    const place = late.get(reader);
    const fold = place && chunks?.lateFrom(place.at);
    if (place === undefined || chunks === undefined || fold === undefined || fold.at >= (cursors.get(reader) ?? 0)) {
      late.delete(reader);
      return true;
    }
    if (left === 0 || !reader.admitPiece()) return false;
    const piece = fold.at === place.at ? place.piece : 0;
    reader.writePiecemeal(chunks.latePiece(fold, piece));
    const isWhole = piece + 1 === fold.big?.pieces;
    late.set(reader, isWhole ? { at: fold.to, piece: 0 } : { at: fold.at, piece: piece + 1 });
  }
}

function notePassed(
  { late }: StreamState,
  chunks: StreamChunks,
  reader: TextReader,
  { at, to }: { readonly at: number; readonly to: number },
): void {
  const from = chunks.align(at);
  // the client begins anew
  if (from < at) late.delete(reader);
  const first = late.has(reader) ? undefined : chunks.lateFrom(from);
  if (first !== undefined && first.at < to) late.set(reader, { at: first.at, piece: 0 });
}
