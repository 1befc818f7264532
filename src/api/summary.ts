import type { HistoryMessage } from './history.ts';

/** A thread, and how far the user has read it. */
export interface SummaryRequest {
  readonly id: string;
  /**
   * The position of the last message that the user has read, as in `Message.position`. @default what the user's clients have said with
   * `receipts(thread).read` of `threadcast/presence`, if `userId` is given
   */
  readonly readTo?: string | undefined;
}

export interface SummaryOptions {
  /**
   * Whose unread messages are counted: from this user's read receipt on, and without those that have `except: { userId }` for this user.
   * @default those after `readTo` alone
   */
  userId?: string | undefined;
  /** Counting unread messages of a thread ends there: show it as `99+`. At most 1000. @default 100 */
  maxUnread?: number | undefined;
}

/** What a list of chats shows of one. */
export interface ThreadSummary<Message = unknown> {
  readonly threadId: string;
  /**
   * The newest message, in its newest version: of the log, or of `HubOptions.history` if the log has none. `last.at` is its time. Undefined if
   * there is none.
   */
  readonly last: HistoryMessage<Message> | undefined;
  /**
   * Messages of the log after `readTo`, at most `maxUnread`. Edits and removed messages do not count; the user's own do, so move `readTo` when the
   * user sends. All messages of the log if `readTo` is of an earlier epoch. Undefined without `readTo` and without a receipt of the user.
   */
  readonly unread: number | undefined;
}
