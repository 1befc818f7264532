import type { Entry, Frame } from '../../api/entry.ts';
import type { Piece } from '../../api/socket.ts';
import type { PieceWatcher } from './piece-watcher.ts';

/** A frame of several pieces, of which only the first ones have been handed to the socket. It keeps the memory of its body alive. */
export class UnfinishedFrame {
  readonly frame: Frame;
  readonly entry: Entry;
  readonly #watcher: PieceWatcher;
  #next = 0;

  constructor(frame: Frame, entry: Entry, watcher: PieceWatcher) {
    // the log may trim the entry before its frame is finished
    frame.body?.retain();
    this.frame = frame;
    this.entry = entry;
    this.#watcher = watcher;
  }

  /** The piece that is written next. */
  get piece(): Piece {
    return this.frame.pieces[this.#next] ?? [];
  }

  /** This piece is handed over now. */
  pass(): void {
    this.#next++;
  }

  get isOver(): boolean {
    return this.#next === this.frame.pieces.length;
  }

  /** All pieces have been written. */
  complete(): void {
    this.frame.body?.release();
    this.#watcher.onWhole(this.entry, this.frame.bytes);
  }

  /** The connection has ended. */
  drop(): void {
    this.frame.body?.release();
    this.#watcher.onCut(this.entry);
  }
}

export function sizeOf(piece: Piece): number {
  let size = 0;
  for (const part of piece) size += part.length;
  return size;
}
