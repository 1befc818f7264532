import type { ClientSettings } from './options.ts';
import type { Request } from './frames.ts';
import type { Joiner } from './join-queue.ts';

/** What a thread needs from its client. */
export interface ThreadHost {
  readonly settings: ClientSettings;
  send(request: Request): void;
  /** Joins a thread as soon as the server accepts it. */
  enqueueJoin(joiner: Joiner): void;
  /** The client has received everything of the thread up to this offset. */
  acknowledge(threadId: string, offset: number): void;
  report(error: unknown): void;
  /** The thread is over. */
  forget(thread: { readonly id: string }): void;
}

/** How the thread is joined. `own`: by a join of the client. `inbox`: likewise, without a name. `invited`: only the application joins. */
export type Role = 'own' | 'inbox' | 'invited';
