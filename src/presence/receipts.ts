import { clientReceipts, isAfter, type Receipts } from './client-receipts.ts';
import { isClientEnd, keyOf, READ, userOf, type ClientEnd, type ServerEnd } from './keys.ts';

/** Where the users of a thread have read up to, for the application on the server. */
export interface ServerReceipts {
  /** By user, on all nodes: for the messages since then, `thread.history({ after })`. @throws LogUnavailableError */
  positions(): Promise<ReadonlyMap<string, string>>;
  /** @throws what `thread.values.set` throws */
  read(userId: string, position: string): Promise<void>;
}

/** Read positions of a thread: on the server, or in a client. */
export function receipts(thread: ServerEnd): ServerReceipts;
export function receipts(thread: ClientEnd): Receipts;
export function receipts(thread: ServerEnd | ClientEnd): ServerReceipts | Receipts {
  return isClientEnd(thread) ? clientReceipts(thread) : serverReceipts(thread);
}

function serverReceipts({ values }: ServerEnd): ServerReceipts {
  return {
    async positions() {
      const entries = await values.entries();
      return new Map(
        entries.flatMap(([key, value]) => {
          const user = userOf(READ, key);
          return user === undefined || typeof value !== 'string' ? [] : [[user, value] as const];
        }),
      );
    },
    async read(userId, position) {
      const former = await values.get(keyOf(READ, userId));
      if (isAfter(position, former)) await values.set(keyOf(READ, userId), position);
    },
  };
}
