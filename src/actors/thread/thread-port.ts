import type { Connection } from '../../api/connection.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { StreamInProgress } from '../../api/stream.ts';
import type { ThreadStats } from '../../api/thread.ts';
import type { ThreadActor } from './thread.ts';
import type { ThreadSends } from './thread-sends.ts';

/** The hub's threads, open or not. */
export interface ThreadPort {
  /** The thread, opened if necessary. */
  open(threadId: string): MaybePromise<ThreadActor>;
  /** The thread if it is open or being opened, or if the log needs it for a send; otherwise only what sends to it. */
  sender(threadId: string): MaybePromise<Pick<ThreadSends, 'send' | 'sendShared' | 'remove'>>;
  /** Whether a client may have the thread opened: it is open, or the hub has not too many. */
  hasRoomFor(threadId: string): boolean;
  membersOf(threadId: string): readonly Connection[];
  /** The users in the thread, in all processes. */
  usersOf(threadId: string): Promise<readonly string[]>;
  statsOf(threadId: string): ThreadStats;
  /** Token streams in progress, as far as this process knows. */
  streamsOf(threadId: string): readonly StreamInProgress[];
  /** Resolves when the thread accepts more sends without piling them up. */
  whenReady(threadId: string): Promise<void>;
}
