import type { AckQueue } from './ack-queue.ts';
import type { ClientSettings } from './options.ts';
import type { Request } from './frames.ts';
import type { JoinQueue } from './join-queue.ts';

/** What a thread needs from its client. */
export interface ThreadHost {
  readonly settings: ClientSettings;
  /** By the ids of messages that several threads have: the thread that has given it to the application. The newest messages. */
  readonly givers: Map<string, string>;
  send(request: Request): void;
  /** Joins threads as soon as the server accepts it. */
  readonly joins: JoinQueue;
  readonly acks: AckQueue;
  /** The server answers clients that ask for older messages. */
  readonly hasHistory: boolean;
  report(error: unknown): void;
  /** The thread is over. */
  delete(thread: { readonly id: string }): void;
}

/** How the thread is joined. `own`: by a join of the client. `inbox`: likewise, without a name. `invited`: only the application joins. */
export type Role = 'own' | 'inbox' | 'invited';
