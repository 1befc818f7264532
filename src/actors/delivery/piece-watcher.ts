import type { Entry } from '../../infra/log/entry.ts';

/** Whose message is written, and learns once what became of it. */
export interface PieceWatcher {
  /** All of it has been handed to the socket. */
  onWhole(entry: Entry, bytes: number): void;
  /** The connection has ended before that. */
  onCut(entry: Entry): void;
}
