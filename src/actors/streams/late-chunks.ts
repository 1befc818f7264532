import type { StreamState } from './stream-state.ts';
import type { TextReader } from './text-reader.ts';

/** Pieces of a big chunk that one visit writes before other threads of the connection have their turn. */
const PIECES_PER_VISIT = 2;

/** Writes the next frame at this position, and notes big chunks that it passes. Returns the position after it. */
export function writeFrame(stream: StreamState, reader: TextReader, at: number): number {
  const { content } = stream;
  const isPassing = content.hasLate && reader.takesLate;
  const { piece, bytes, to } = isPassing ? content.passingFrame(at) : content.frame(at);
  reader.writeFrame(piece, bytes);
  if (isPassing) notePassed(stream, reader, { at, to });
  return to;
}

/** The position after the frame that `writeFrame` would write. */
export const frameEnd = ({ content }: StreamState, reader: TextReader, at: number): number =>
  (content.hasLate && reader.takesLate ? content.passingFrame(at) : content.frame(at)).to;

/** The next chunk waits for big ones that were passed. */
export function mustWait({ late, content }: StreamState, reader: TextReader, at: number): boolean {
  return late.size > 0 && late.has(reader) && content.isLastAt(at);
}

/** Writes pieces of the chunks that were passed, as far as the line takes them; true when the member has had all of them. */
export function writePieces({ late, content, cursors }: StreamState, reader: TextReader): boolean {
  for (let left = PIECES_PER_VISIT; ; left--) {
    const place = late.get(reader);
    const fold = place && content.lateFrom(place.at);
    if (place === undefined || fold === undefined || fold.at >= (cursors.get(reader) ?? 0)) {
      late.delete(reader);
      return true;
    }
    if (left === 0 || !reader.admitPiece()) return false;
    const piece = fold.at === place.at ? place.piece : 0;
    reader.writePiecemeal(content.latePiece(fold, piece));
    const isWhole = piece + 1 === fold.big?.pieces;
    late.set(reader, isWhole ? { at: fold.to, piece: 0 } : { at: fold.at, piece: piece + 1 });
  }
}

function notePassed(
  { late, content }: StreamState,
  reader: TextReader,
  { at, to }: { readonly at: number; readonly to: number },
): void {
  const from = content.align(at);
  // the client begins anew
  if (from < at) late.delete(reader);
  const first = late.has(reader) ? undefined : content.lateFrom(from);
  if (first !== undefined && first.at < to) late.set(reader, { at: first.at, piece: 0 });
}
