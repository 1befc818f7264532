import { useEffect, useInsertionEffect, useMemo, useRef, useState } from 'react';
import type { ThreadId, ThreadShape } from '../api/definition.ts';
import {
  ClientClosedError,
  type Gap,
  type HistoryOptions,
  type Published,
  type PublishOptions,
} from '../client/index.ts';
import type { StoredMessage } from './message-list.ts';
import { useClient } from './provider.ts';
import { storesOf } from './stores.ts';
import { useStore } from './use-store.ts';
import { EMPTY, type ThreadSnapshot, type ThreadStore } from './thread-store.ts';

/** @typeParam T the types of its definition; unknown without one */
export interface UseThreadOptions<T extends ThreadShape = ThreadShape> {
  /** As for `client.join`. The first `useThread` of the thread decides. @default only new messages */
  from?: string | undefined;
  /** Received messages that are kept, the newest; at least 1. The first `useThread` of the thread decides. @default 1000 */
  maxMessages?: number | undefined;
  /** What the page shows of a published message until it comes back. @default what was published */
  optimistic?: ((data: T['publish']) => T['received']) | undefined;
  /**
   * Called when messages are missing: fetch the newest ones from your database; they take the place of those shown. If it rejects, or
   * without it, `gap` stays.
   */
  refetch?: ((gap: Gap) => Promise<readonly StoredMessage<T['received']>[]>) | undefined;
}

/** A thread in a component. The functions are the same in each render. */
export interface UseThread<T extends ThreadShape = ThreadShape> extends ThreadSnapshot<T> {
  /**
   * Publishes, and shows the message at once: `sending`, then `accepted`, then as it comes back; or `failed`. It is recognized by its id: the
   * server passes the client's id on as `idempotencyKey`, or `onPublish` returns the receipt. Calling it with the id of a failed one tries again.
   * Rejects as `client.publish` does; `status: 'failed'` shows the same, so the promise may be left alone.
   */
  readonly publish: (data: T['publish'], options?: PublishOptions) => Promise<Published<T['answer']>>;
  /** Takes a message that failed off the page. */
  readonly discard: (id: string) => void;
  /**
   * Puts older messages before those shown, as far as `hasOlder`. They count beyond `maxMessages`. Rejects as `ClientThread.loadOlder` does;
   * `error` shows the same, so the promise may be left alone. Resolves if the last component that shows the thread is unmounted.
   */
  readonly loadOlder: (options?: HistoryOptions) => Promise<void>;
}

/**
 * Joins a thread while the component is mounted. Components that show the same thread share it. A burst of messages is one render for each
 * frame of the page.
 *
 * ```tsx
 * const { messages, streams, publish } = useThread(room('42'));
 * ```
 */
export function useThread<T extends ThreadShape>(threadId: ThreadId<T>, options?: UseThreadOptions<T>): UseThread<T>;
export function useThread(threadId: string, options?: UseThreadOptions): UseThread;
export function useThread(threadId: string, options: UseThreadOptions = {}): UseThread {
  const client = useClient();
  const { from, maxMessages = 1_000 } = options;
  // the settings of the first render count
  const [settings] = useState({ from, maxMessages });
  const store = useMemo(
    () => (client === undefined ? undefined : storesOf(client).thread(threadId, settings)),
    [client, threadId, settings],
  );
  const snapshot = useStore(store, EMPTY);
  const latest = useRef(options);
  useInsertionEffect(() => {
    latest.current = options;
    store?.show();
  });
  useRefetch(store, snapshot.gap, latest);
  const actions = useMemo(() => {
    const publish = async (data: unknown, how?: PublishOptions): Promise<Published> => {
      if (store === undefined) throw new ClientClosedError({ action: 'publish' });
      return store.publish(data, latest.current.optimistic?.(data) ?? data, how);
    };
    const loadOlder = async (how?: HistoryOptions): Promise<void> => {
      if (store === undefined) throw new ClientClosedError({ action: 'loadOlder' });
      return store.loadOlder(how);
    };
    return {
      publish: (data: unknown, how?: PublishOptions) => shown(publish(data, how)),
      loadOlder: (how?: HistoryOptions) => shown(loadOlder(how)),
      discard: (id: string) => store?.discard(id),
    };
  }, [store]);
  return useMemo(() => ({ ...snapshot, ...actions }), [snapshot, actions]);
}

/** The snapshot shows a failure: a component that does not await the promise makes no unhandled rejection. */
function shown<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => {});
  return promise;
}

function useRefetch(
  store: ThreadStore | undefined,
  gap: Gap | undefined,
  latest: { readonly current: UseThreadOptions },
): void {
  useEffect(() => {
    const { refetch } = latest.current;
    if (store === undefined || gap === undefined || refetch === undefined) return undefined;
    let isCurrent = true;
    refetch(gap).then(
      (messages) => {
        // of several components that show the thread, the first one's answer counts
        if (isCurrent && store.getSnapshot().gap === gap) store.reset(messages);
      },
      () => {},
    );
    return () => {
      isCurrent = false;
    };
  }, [store, gap, latest]);
}
