import {
  makeEntry,
  releaseDraft,
  UnknownMessageError,
  type Appended,
  type Clock,
  type DeliveryLog,
  type Entry,
  type EntryDraft,
  type LogPage,
  type LogSubscription,
  type LogTail,
  type Position,
} from '../../src/index.ts';

/** A log as an application may write it, with public names only: in memory, of one process, without any limit. */
export function ownLog(clock: Clock): DeliveryLog {
  const threads = new Map<string, OwnThread>();
  const open = (threadId: string): OwnThread => {
    const thread = threads.get(threadId) ?? new OwnThread(threadId, clock);
    threads.set(threadId, thread);
    return thread;
  };
  return {
    append: (draft) => open(draft.threadId).append(draft),
    readAfter: (threadId, offset, limit) =>
      (threads.get(threadId)?.readable ?? []).filter((entry) => entry.offset > offset).slice(0, limit),
    readBefore: (threadId, before, limit, maxBytes) =>
      threads.get(threadId)?.readBefore(before, limit, maxBytes) ?? NO_PAGE,
    position: (threadId) => open(threadId).position,
    subscribe: (threadId, onEntry) => open(threadId).subscribe(onEntry),
    sweep: () => {},
    close: () => {
      for (const thread of threads.values()) thread.release();
      threads.clear();
    },
  };
}

const NO_PAGE: LogPage = { position: { epoch: '', offset: 0, id: '' }, first: 1, entries: [], hasOlder: false };

class OwnThread implements LogTail {
  readonly epoch = crypto.randomUUID();
  readonly first = 1;
  readonly #threadId: string;
  readonly #clock: Clock;
  /** The entry with offset 1 is the first. */
  readonly #entries: Entry[] = [];
  readonly #offsets = new Map<string, number>();
  readonly #subscribers = new Set<(entry: Entry) => void>();

  constructor(threadId: string, clock: Clock) {
    this.#threadId = threadId;
    this.#clock = clock;
  }

  get head(): number {
    return this.#entries.length;
  }

  get headId(): string {
    return this.#entries.at(-1)?.id ?? '';
  }

  get position(): Position {
    return { epoch: this.epoch, offset: this.head, id: this.headId };
  }

  /** What readers get: messages in their newest version. */
  get readable(): readonly Entry[] {
    const now = this.#clock.now();
    return this.#entries.filter((entry) => entry.kind === 'message' && entry.isDeliverable(now));
  }

  at(offset: number): Entry | undefined {
    return this.#entries[offset - 1];
  }

  byId(id: string): Entry | undefined {
    return this.at(this.#offsets.get(id) ?? 0);
  }

  criticalAfter(offset: number): number | undefined {
    return this.#criticals(offset)[0]?.offset;
  }

  criticalCountAfter(offset: number): number {
    return this.#criticals(offset).length;
  }

  append(draft: EntryDraft): Appended {
    const known = this.byId(draft.id);
    if (known !== undefined) {
      releaseDraft(draft);
      return { entry: known, isDuplicate: true };
    }
    const { target } = draft;
    const message = target === undefined ? undefined : this.byId(target);
    if (target !== undefined && (message?.kind !== 'message' || message.isSuperseded)) {
      releaseDraft(draft);
      throw new UnknownMessageError({ threadId: this.#threadId, messageId: target });
    }
    const entry = makeEntry(draft, this.head + 1, this.#clock.now());
    if (draft.key !== undefined) for (const each of this.#entries) if (each.key === draft.key) supersede(each);
    this.#entries.push(entry);
    this.#offsets.set(entry.id, entry.offset);
    if (message !== undefined) this.#amend(message, entry);
    for (const tell of this.#subscribers) tell(entry);
    return { entry, isDuplicate: false };
  }

  /** An edit takes the place of the message, and a removal leaves it empty. */
  #amend(message: Entry, amendment: Entry): void {
    for (const each of this.#entries) if (each !== amendment && each.target === message.id) supersede(each);
    supersede(message);
    amendment.targetOffset = message.offset;
    amendment.except ??= message.except;
    if (amendment.kind === 'remove') return;
    amendment.body.retain();
    const { id, threadId, lane, except, isShared, key, expiresAt, offset, loggedAt, at } = message;
    const draft = { id, threadId, lane, except, isShared, key, expiresAt, body: amendment.body, isEdited: true };
    this.#entries[offset - 1] = makeEntry(draft, offset, loggedAt, at);
  }

  readBefore(before: number, limit: number, maxBytes: number): LogPage {
    const older = this.readable.filter(({ offset }) => offset < before);
    let bytes = 0;
    const entries: Entry[] = [];
    for (const entry of older.toReversed()) {
      bytes += entry.body.bytes;
      if (entries.length === limit || (bytes > maxBytes && entries.length > 0)) break;
      entries.unshift(entry);
    }
    return { position: this.position, first: 1, entries, hasOlder: entries.length < older.length };
  }

  subscribe(onEntry: (entry: Entry) => void): LogSubscription {
    const tell = (entry: Entry): void => onEntry(entry);
    this.#subscribers.add(tell);
    return { tail: this, hold: () => {}, unsubscribe: () => void this.#subscribers.delete(tell) };
  }

  release(): void {
    for (const entry of this.#entries) if (!entry.isSuperseded) entry.release();
  }

  #criticals(after: number): readonly Entry[] {
    return this.#entries.filter(({ offset, lane }) => offset > after && lane === 'critical');
  }
}

/** Gives its memory back; its place stays taken. */
function supersede(entry: Entry): void {
  if (entry.isSuperseded) return;
  entry.isSuperseded = true;
  entry.release();
}
