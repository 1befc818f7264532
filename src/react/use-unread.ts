import { useInsertionEffect, useMemo } from 'react';
import type { ThreadId, ThreadShape } from '../api/definition.ts';
import type { ClientThread } from '../client/index.ts';
import { textOf } from '../client/fields.ts';
import { parsePosition, type Position } from '../client/position.ts';
import type { ClientValues } from '../client/values-api.ts';
import { isAfter } from '../presence/client-receipts.ts';
import { READ, valuesOf } from '../presence/keys.ts';
import type { ReceivedMessage } from './message-list.ts';
import { PartStore, type PartView } from './part-store.ts';
import { useClient } from './provider.ts';
import { storesOf } from './stores.ts';
import { useStore } from './use-store.ts';
import type { ThreadStore } from './thread-store.ts';

/** @typeParam T the types of its definition; unknown without one */
export interface UseUnreadOptions<T extends ThreadShape = ThreadShape> {
  /** Whether a message counts, for example if another user has sent it. @default all count */
  counts?: ((message: ReceivedMessage<T['received']>) => boolean) | undefined;
}

/** What changes. */
interface UnreadView extends PartView {
  /** Messages of the thread, as far as the page has them, after the user's receipt. Volatile ones and edits do not count. */
  readonly count: number;
  /** The page does not have all messages since the receipt: there may be more. False is certain. */
  readonly isPartial: boolean;
  /** The receipt: the position that the user has read up to, in any client. Undefined before the first one. */
  readonly position: string | undefined;
}

/** The unread messages of a thread. The function is the same in each render. */
export interface UseUnread extends UnreadView {
  /**
   * The user has read up to this position. One that is not after the last one changes nothing. @default all messages that the page has
   * @throws InvalidOptionError for what is no position
   */
  readonly read: (position?: string) => void;
}

const UNKNOWN: UnreadView = { count: 0, isPartial: true, position: undefined, error: undefined };

/** Receipts within this time are one request: the server takes 20 changes of a client in a second. */
const REPEAT_MS = 200;

class UnreadStore extends PartStore<UnreadView> {
  counts: UseUnreadOptions['counts'];
  readonly #userId: string | undefined;
  #values: ClientValues | undefined;
  /** The newest receipt: sent when the time of the last one is up. */
  #next: string | undefined;
  /** The newest that was sent: `values` has it only when the server has said so. */
  #asked: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(thread: ThreadStore, userId: string | undefined) {
    super(thread, UNKNOWN);
    this.#userId = userId;
  }

  read(position = this.thread.thread?.position): void {
    // what is no position throws here, not in the timer
    if (position === undefined || !isAfter(position, this.#next)) return;
    this.#next = position;
    if (this.#timer !== undefined) return;
    this.#send();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#send();
    }, REPEAT_MS);
  }

  protected override attach(thread: ClientThread): () => void {
    const values = valuesOf(thread);
    this.#values = values;
    return values.on('value', ({ key }) => {
      if (key === READ + this.#userId) this.changed();
    });
  }

  protected override onThread(): void {
    // in the frame of the thread
    this.changedNow();
  }

  protected override view(): UnreadView {
    const position = this.#position;
    const receipt = parsePosition(position);
    const { thread, since } = this.thread;
    const now = parsePosition(thread?.position);
    let [count, hasRead] = [0, false];
    for (const message of this.thread.getSnapshot().messages) {
      if (message.status !== 'received' || message.offset === undefined) continue;
      if (isRead(message.position, message.offset, receipt, now)) hasRead = true;
      else if (this.counts?.(message) !== false) count++;
    }
    const isWhole =
      hasRead || (since !== undefined && (since.endsWith('.0.') || isRead(since, undefined, receipt, now)));
    return { count, isPartial: !isWhole, position, error: this.error };
  }

  protected override end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#send();
    super.end();
  }

  get #position(): string | undefined {
    return textOf(this.#values?.get(READ + this.#userId));
  }

  #send(): void {
    const position = this.#next;
    this.#next = undefined;
    if (this.#userId === undefined || this.#values === undefined || position === undefined) return;
    if (![this.#asked, this.#position].every((known) => isAfter(position, known))) return;
    this.#asked = position;
    void this.watch(this.#values.set(READ + this.#userId, position)).then((isSet) => {
      if (!isSet && this.#asked === position) this.#asked = undefined;
    });
  }
}

/** Whether the receipt covers it. Another epoch than that of now is an older one. */
function isRead(at: string | undefined, offset: number | undefined, receipt?: Position, now?: Position): boolean {
  const position = parsePosition(at);
  if (receipt === undefined || position === undefined) return false;
  if (position.epoch !== receipt.epoch) return receipt.epoch === now?.epoch;
  // a message that has overtaken others has an offset of its own
  return (offset ?? position.offset) <= receipt.offset;
}

/**
 * How many messages of a thread the user has not read, by the user's own receipt, which all clients of the user share. The thread is joined while
 * the component is mounted. The client needs the part `values`; without it, the hook throws InvalidOptionError, for the error boundary.
 *
 * ```tsx
 * const { count, isPartial, read } = useUnread(room('42'), 'ada', { counts: ({ data }) => data.from !== 'ada' });
 * <button onClick={() => read()}>{isPartial ? `${count}+` : count}</button>;
 * ```
 *
 * For threads that the page has not joined, `hub.summaries` counts on the server.
 *
 * @param userId the client's own user, which `onValue` of the server allows
 */
export function useUnread<T extends ThreadShape>(
  threadId: ThreadId<T>,
  userId: string | undefined,
  options?: UseUnreadOptions<T>,
): UseUnread;
export function useUnread(threadId: string, userId: string | undefined, options?: UseUnreadOptions): UseUnread;
export function useUnread(threadId: string, userId: string | undefined, { counts }: UseUnreadOptions = {}): UseUnread {
  const client = useClient();
  const store = useMemo(
    () => (client === undefined ? undefined : new UnreadStore(storesOf(client).thread(threadId), userId)),
    [client, threadId, userId],
  );
  useInsertionEffect(() => {
    if (store !== undefined) store.counts = counts;
  });
  const view = useStore(store, UNKNOWN);
  return useMemo(() => ({ ...view, read: (position?: string) => store?.read(position) }), [view, store]);
}
