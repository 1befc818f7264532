import type { AckQueue } from './ack-queue.ts';
import type { ClientSettings } from './options.ts';
import type { Request } from './frames.ts';
import type { JoinQueue } from './join-queue.ts';

/** What a thread needs from its client. */
export interface ThreadHost {
  /** The client's joins of this thread. */
  joinsOf(threadId: string): readonly object[];
  readonly settings: ClientSettings;
  /** Whether the thread is the first one to give a message that comes in several. @param isGiven it gives it now */
  isFirst(id: string, threadId: string, isGiven: boolean): boolean;
  send(request: Request): void;
  /** Joins threads as soon as the server accepts it. */
  readonly joins: JoinQueue;
  readonly acks: AckQueue;
  /** The server answers clients that ask for older messages. */
  readonly hasHistory: boolean;
  /** Sends a frame until it is answered. @param text the frame that has this id */
  request(threadId: string, id: string, text: string, options: { readonly timeoutMs?: number }): Promise<unknown>;
  report(error: unknown): void;
  /** The thread is over. */
  delete(thread: { readonly id: string }): void;
}

/** How the thread is joined. `own`: by a join of the client. `inbox`: likewise, without a name. `invited`: only the application joins. */
export type Role = 'own' | 'inbox' | 'invited';
