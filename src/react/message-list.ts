import type { Message } from '../client/index.ts';

/** A message of the thread, as it came. An older one above 256 KiB comes without its data: it has `bytes`. */
export type ReceivedMessage<Data> = ReceivedFields &
  (
    | {
        /** The newest version. */
        readonly data: Data;
        readonly bytes: undefined;
      }
    | {
        readonly data: undefined;
        /** See `OlderMessage.bytes`. */
        readonly bytes: number;
      }
  );

interface ReceivedFields {
  /** For React: the same from the moment it was published here. */
  readonly key: string;
  /** `Message.id`. */
  readonly id: string;
  readonly status: 'received';
  /** Milliseconds since 1970, by the server's clock. */
  readonly at: number;
  /** Undefined for a message that the application has loaded from elsewhere. */
  readonly position: string | undefined;
  /** `Message.offset`. Undefined likewise, and for a volatile message. */
  readonly offset: number | undefined;
  readonly isEdited: boolean;
  /** See `Message.stream`. */
  readonly stream: string | undefined;
}

/** A message that was published here and has not come back yet. */
export interface PendingMessage<Data> {
  readonly key: string;
  /** The idempotency key. */
  readonly id: string;
  /** `accepted`: the server has it, and the thread has not brought it yet. */
  readonly status: 'sending' | 'accepted' | 'failed';
  readonly data: Data;
  readonly bytes: undefined;
  /** Milliseconds since 1970, by this machine's clock. */
  readonly at: number;
  /** With `accepted`: the id that the message has in the thread. */
  readonly messageId: string | undefined;
  /** With `failed`: what `client.publish` rejected with. */
  readonly error: unknown;
}

/** What an application has from elsewhere: its own database. */
export interface StoredMessage<Data> {
  readonly id: string;
  readonly data: Data;
  readonly at: number;
  /** Of a message that comes without its data, as in `OlderMessage`. */
  readonly bytes?: number | undefined;
  readonly offset?: number | undefined;
  readonly position?: string | undefined;
}

export type ThreadMessage<Received, Published> = ReceivedMessage<Received> | PendingMessage<Received | Published>;

/** The messages of a thread that the page shows: those received, in order, and after them those that have not come back. */
export class MessageList<Received, Published> {
  /** Received messages that are kept, the newest. */
  most: number;
  #received: ReceivedMessage<Received>[] = [];
  /** Keys of pending messages that are random. */
  readonly #random = new Set<string>();
  #pending: PendingMessage<Received | Published>[] = [];

  constructor(most = 1_000) {
    this.most = most;
  }

  /** All of them, as a new list. */
  get all(): readonly ThreadMessage<Received, Published>[] {
    return [...this.#received, ...this.#pending];
  }

  /** True if the oldest had to go. */
  add({ id, data, at, position, offset, stream }: Message<Received>): boolean {
    const pending = this.#pending.find(
      (own) => own.messageId === id || (this.#random.has(own.id) && isOwn(id, own.id)),
    );
    if (pending !== undefined) this.discard(pending.id);
    const known = this.#received.findLastIndex((message) => message.id === id);
    const message: ReceivedMessage<Received> = {
      key: pending?.key ?? id,
      id,
      status: 'received',
      data,
      at,
      position,
      offset,
      isEdited: false,
      stream,
      bytes: undefined,
    };
    if (known >= 0) this.#received[known] = message;
    else this.#received.push(message);
    return this.#trim();
  }

  /** Older ones, which stay as long as the list. Returns how many of them are new. */
  prepend(older: readonly StoredMessage<Received>[]): number {
    const known = new Set(this.#received.map(({ id }) => id));
    const added = older.filter(({ id }) => !known.has(id));
    this.most += added.length;
    this.#received = [...added.map(received), ...this.#received];
    return added.length;
  }

  replace(id: string, data: Received): void {
    const at = this.#received.findLastIndex((message) => message.id === id);
    const message = this.#received[at];
    if (message !== undefined) this.#received[at] = { ...message, data, bytes: undefined, isEdited: true };
  }

  remove(id: string): void {
    this.#received = this.#received.filter((message) => message.id !== id);
  }

  /** Everything that was received, anew. */
  reset(messages: readonly StoredMessage<Received>[]): void {
    this.#received = messages.map(received);
    this.#trim();
  }

  /** A message is being published. @param isRandom no other user's message has this key after another scope */
  begin(id: string, isRandom: boolean, data: Received | Published, at: number): void {
    if (isRandom) this.#random.add(id);
    this.#pending.push({
      key: id,
      id,
      status: 'sending',
      data,
      bytes: undefined,
      at,
      messageId: undefined,
      error: undefined,
    });
  }

  /** The server has it. */
  accept(id: string, messageId: string): void {
    const hasCome = this.#received.some((message) => message.id === messageId);
    if (hasCome) this.discard(id);
    else this.#update(id, { status: 'accepted', messageId });
  }

  fail(id: string, error: unknown): void {
    this.#update(id, { status: 'failed', error });
  }

  discard(id: string): void {
    this.#random.delete(id);
    this.#pending = this.#pending.filter((own) => own.id !== id);
  }

  #update(id: string, change: Partial<PendingMessage<never>>): void {
    this.#pending = this.#pending.map((own) => (own.id === id ? { ...own, ...change } : own));
  }

  #trim(): boolean {
    // not at every message: what goes is copied
    if (this.#received.length <= this.most * 1.25) return false;
    this.#received = this.#received.slice(-this.most);
    return true;
  }
}

/** A message's id is the publisher's key, after the scope that the server gives it. */
const isOwn = (messageId: string, key: string): boolean => messageId === key || messageId.endsWith(`.${key}`);

function received<Data>({ id, data, at, bytes, offset, position }: StoredMessage<Data>): ReceivedMessage<Data> {
  const content = bytes === undefined ? { data, bytes } : { data: undefined, bytes };
  return {
    ...content,
    key: id,
    id,
    status: 'received',
    at,
    // empty for those from `history.load` of the server
    position: position === '' ? undefined : position,
    offset,
    isEdited: false,
    stream: undefined,
  };
}
