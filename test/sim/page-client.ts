import type { ClientEvents, ClientThread, JoinOptions, ThreadEvents } from '../../src/client/index.ts';

/** The part of a client that a page of the simulator uses. */
export interface PageClient {
  join(threadId: string, options?: JoinOptions): PageThread;
  publish(threadId: string, data: unknown, options: { id: string }): Promise<{ readonly data: unknown }>;
  on<E extends keyof PageClientEvents>(event: E, listener: (news: PageClientEvents[E]) => unknown): () => void;
  close(): void;
}

export type PageClientEvents = Pick<ClientEvents, 'signIn' | 'error'>;

/** A thread as a page reads it. */
export interface PageThread extends Pick<ClientThread, 'id' | 'position' | 'values' | 'leave'> {
  on<E extends keyof PageEvents>(event: E, listener: (news: PageEvents[E]) => unknown): () => void;
  /** Undefined for a client that knows no history. */
  readonly loadOlder?: ClientThread['loadOlder'];
}

/** What a page looks at of the events of a thread. */
export interface PageEvents extends Pick<ThreadEvents, 'stream' | 'error'> {
  message: Pick<ThreadEvents['message'], 'id' | 'data' | 'offset' | 'position' | 'ahead'>;
  replaced: Pick<ThreadEvents['replaced'], 'id' | 'data' | 'position'>;
  removed: Pick<ThreadEvents['removed'], 'id' | 'position'>;
  gap: { readonly why: string; readonly position: string };
  joined: Pick<ThreadEvents['joined'], 'position'>;
  left: Pick<ThreadEvents['left'], 'reason'>;
}
