/**
 * How a message was serialized.
 *
 * - `inline`: one native call, for a message that is provably small.
 * - `sliced`: piece by piece, under the budget of each turn of the event loop.
 * - `snapshot`: in one go at the call, as the application asked.
 * - `pooled`: a recipe, in a worker thread.
 * - `ready`: the application passed bytes.
 */
export type Strategy = 'inline' | 'sliced' | 'snapshot' | 'pooled' | 'ready';

/** The result of a `send` in a transaction: the message waits for its commit. */
export interface PendingReceipt {
  /** Id of the message. */
  readonly id: string;
  readonly pending: true;
  /**
   * The receipt, when the message has been logged and offered; undefined when the transaction was rolled back. Do not await it before the
   * commit. Rejects with LogUnavailableError if this process closes before: the message is delivered all the same.
   */
  readonly committed: Promise<Receipt | undefined>;
}

/** The result of a `send`: the message has been logged and offered to every connection of the thread. */
export interface Receipt {
  /** Id of the message, the same in every client; the idempotency key if one was given. */
  readonly id: string;
  /** The position of the message in the thread's log, `epoch.offset.id`; undefined for a volatile message, which is not logged. */
  readonly position: string | undefined;
  /** Bytes of the message's JSON. */
  readonly bytes: number;
  readonly strategy: Strategy;
  /** The idempotency key was known: nothing was sent again, and the position is that of the first message. */
  readonly isDuplicate: boolean;
  /** Connections in the thread when it was offered. */
  readonly recipients: number;
  /** Connections to whose socket the whole message was handed. */
  readonly written: number;
  /**
   * Connections that have not received the whole message yet, because they accept nothing now, or accept big messages piece by piece. They
   * get it, or the rest of it, as soon as they accept more.
   */
  readonly behind: number;
  /** Connections that will not get it: it is volatile and they were busy, or it was superseded or expired before it could be offered. */
  readonly dropped: number;
  /** The outcome for each connection; resolves in bounded time, `settleTimeoutMs` at most. */
  settled(options?: SettleOptions): Promise<Settlement>;
}

/**
 * The outcome of one message for one connection, whatever joins it made meanwhile.
 *
 * - `written`: the whole message was handed to its socket.
 * - `acked`: the client has certainly received all of it.
 * - `behind`: not fully written when the time was up. The connection gets the message, or the rest of it, as soon as it accepts more.
 * - `dropped`: the connection continues without the message. It was volatile and the connection was busy; or it was superseded, or expired,
 * or the log had lost it; or the client rejoined from a later position.
 * - `evicted`: the connection ended, or left the thread, before the whole message was written.
 */
export type Outcome = 'written' | 'acked' | 'behind' | 'dropped' | 'evicted';

export interface SettleOptions {
  /** What to wait for. An `acked` may take `sendTimeoutMs` longer, because barriers are that rare. @default 'written' */
  until?: 'written' | 'acked' | undefined;
}

/** The outcomes of a message for every connection that it was offered to; the numbers add up to the receipt's `recipients`. */
export interface Settlement extends Readonly<Record<Outcome, number>> {
  /**
   * By connection id. A connection that received the message and left the thread before `settled` was called is only in the number
   * `written`. If the log had lost the message before it was offered to all, only the numbers are known.
   */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}
