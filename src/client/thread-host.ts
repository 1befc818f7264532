import type { ClientSettings } from './options.ts';
import type { Request } from './frames.ts';
import type { Joiner } from './join-queue.ts';

/** What a thread needs of its client. */
export interface ThreadHost {
  readonly settings: ClientSettings;
  send(request: Request): void;
  /** Has a thread joined as soon as the server takes it. */
  enqueueJoin(joiner: Joiner): void;
  /** Everything of the thread up to this offset is here. */
  acknowledge(threadId: string, offset: number): void;
  report(error: unknown): void;
  /** The thread is over. */
  forget(thread: { readonly id: string }): void;
}

/** How it comes to be joined. `own`: by a join of ours. `inbox`: likewise, without a name. `invited`: only the application joins. */
export type Role = 'own' | 'inbox' | 'invited';
