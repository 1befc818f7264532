import type { Entry } from '../../api/entry.ts';

/** Watches the writing of one message and is notified once how it ended. */
export interface PieceWatcher {
  /** The whole message has been handed to the socket. */
  onWhole(entry: Entry, bytes: number): void;
  /** The connection ended before the whole message was handed over. */
  onCut(entry: Entry): void;
}
