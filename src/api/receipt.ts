/** The answer to a `send`: it has been logged and offered to every connection of the thread. */
export interface Receipt {
  /** Id of the message, the same in every client; the idempotency key where one was given. */
  readonly id: string;
  /** Where the thread's log stands after it, `epoch.offset.id`; undefined for a volatile message, which is not logged. */
  readonly position: string | undefined;
  /** Bytes of the message's JSON. */
  readonly bytes: number;
  /** How it was serialized: `inline`, `sliced`, `snapshot`, `pooled` or `ready`. */
  readonly strategy: string;
  /** The idempotency key was known: nothing was sent again, the position is the first one's. */
  readonly isDuplicate: boolean;
  /** Connections in the thread when it was offered. */
  readonly recipients: number;
  /** Handed to the connection's socket, to its end. */
  readonly written: number;
  /**
   * Not yet, or only the first pieces of a big message: the connection takes nothing now, or takes big messages piece by piece. It gets
   * the message, or the rest of it, when it takes more.
   */
  readonly behind: number;
  /** Volatile and the connection was busy, or superseded or expired before it could be offered. */
  readonly dropped: number;
  /** How it ended for each connection; resolves in bounded time, `settleTimeoutMs` at most. */
  settled(options?: SettleOptions): Promise<Settlement>;
}

/**
 * What became of one message for one connection, whatever joins it made meanwhile.
 *
 * - `written`: handed to its socket, to its end.
 * - `acked`: the peer has received all of it for certain.
 * - `behind`: not yet written to its end when the time was up; it gets the message, or the rest of it, when it takes more.
 * - `dropped`: it goes on without the message. The message was volatile and the connection was busy; or it was superseded, or expired,
 *   or the log had lost it before its turn; or the client joined again from a later place.
 * - `evicted`: the connection ended, or left the thread, before the message was written to its end.
 */
export type Outcome = 'written' | 'acked' | 'behind' | 'dropped' | 'evicted';

export interface SettleOptions {
  /** What to wait for. An `acked` may take `sendTimeoutMs` longer: barriers are that rare. @default 'written' */
  until?: 'written' | 'acked' | undefined;
}

/** How a message ended for every connection it was offered to; the numbers add up to the receipt's `recipients`. */
export interface Settlement extends Readonly<Record<Outcome, number>> {
  /**
   * By connection id. A connection that was written to and left the thread before `settled` was called is in `written` only. Where the
   * log had lost the message before it was offered to all, only the numbers are known.
   */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}
