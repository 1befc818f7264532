import type { Entry } from '../../api/entry.ts';
import { makeEntry } from './entry.ts';

/** The entries of the buffer. */
interface Held {
  byId(id: string): Entry | undefined;
  supersede(entry: Entry): void;
  /** Puts an entry in the place of another one with the same offset and id, which is given up. */
  swap(entry: Entry, next: Entry): void;
}

/** The edits and removals that a thread's buffer holds: the newest of each message counts. */
export class Amendments {
  readonly #held: Held;
  /** By the message's id. */
  readonly #newest = new Map<string, Entry>();

  constructor(held: Held) {
    this.#held = held;
  }

  /** An edit takes the place of the message, a removal leaves it empty. The edit before it is given up. */
  add(amendment: Entry, target: string): void {
    const former = this.#newest.get(target);
    if (former?.isSuperseded === false) this.#held.supersede(former);
    this.#newest.set(target, amendment);
    const message = this.#held.byId(target);
    if (message !== undefined) this.#apply(amendment, message);
  }

  /** Entries older than all that are held, oldest first. */
  addOlder(older: readonly Entry[]): void {
    for (const entry of older.toReversed()) {
      const { target } = entry;
      const amendment = this.#newest.get(target ?? entry.id);
      if (target !== undefined && amendment !== undefined) this.#held.supersede(entry);
      else if (target !== undefined) this.#newest.set(target, entry);
      else if (amendment !== undefined) this.#apply(amendment, entry);
    }
  }

  /** The entry is not held any more. */
  forget(entry: Entry): void {
    if (entry.target !== undefined && this.#newest.get(entry.target) === entry) this.#newest.delete(entry.target);
  }

  #apply(amendment: Entry, message: Entry): void {
    amendment.targetOffset = message.offset;
    amendment.except ??= message.except;
    if (message.isSuperseded) return;
    if (amendment.kind === 'remove') this.#held.supersede(message);
    else this.#held.swap(message, edited(message, amendment));
  }
}

/** The message in its newest version, for its old place: it has the bytes of the edit, and shares their memory with it. */
function edited(message: Entry, edit: Entry): Entry {
  const { body, deflated } = edit;
  body.retain();
  for (const small of deflated?.values() ?? []) small.retain();
  const { threadId, id, lane, except, isShared, key, expiresAt, offset, loggedAt, at, trace, traceparent, tally } =
    message;
  const from = { threadId, id, lane, except, isShared, key, expiresAt, trace, traceparent, tally };
  const next = makeEntry({ ...from, body, deflated, isEdited: true }, offset, loggedAt, at);
  next.isOffered = message.isOffered;
  return next;
}
