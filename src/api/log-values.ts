import type { MaybePromise } from './message.ts';

/** What a process sets. */
export interface ValueDraft {
  readonly key: string;
  readonly json: string;
  /** A connection of this process, by its id: its end removes the value. A later draft of the key replaces the owner as well. */
  readonly owner?: string | undefined;
  /** The value is removed after this time, in milliseconds, unless it is set again. Absent: it stays. */
  readonly ttlMs?: number | undefined;
}

/** The value of a key, or that it has none any more. */
export interface ValueChange {
  readonly key: string;
  /** Undefined for a removed value. */
  readonly json: string | undefined;
}

/** A value that a thread has. */
export interface LogValue extends ValueChange {
  readonly json: string;
}

/** What a thread may hold, with the values of dead processes that are not deleted yet. */
export interface ValueLimits {
  readonly maxKeys: number;
  /** Bytes of all keys and values, in UTF-8. */
  readonly maxBytes: number;
}

/** Receives the changes of a thread's values. Changes of one key come in their order. */
export type ValuesListener = (changes: readonly ValueChange[], isWhole: boolean) => void;

/**
 * The keyed values of threads, the same in all processes. Of two processes that set a key, the later one counts everywhere.
 *
 * A value goes when its time is up, when its owner has ended, or when the owner's process has: within 15 seconds after a crash. While a process
 * is merely cut off from the log, its values are hidden, and come back with it. So they are deleted only when the process cannot come back.
 */
export interface LogValues {
  /**
   * Sets a value, and resolves when the log has it.
   * @throws ValueLimitError: nothing has changed; LogUnavailableError: it may have been set
   */
  set(threadId: string, draft: ValueDraft, limits: ValueLimits): MaybePromise<void>;
  /**
   * Removes a value; false if there was none.
   * @throws LogUnavailableError: it may have been removed
   */
  delete(threadId: string, key: string): MaybePromise<boolean>;
  /**
   * All values of a thread, or that of one key. Each `set` that has resolved before, in any process, is in it.
   * @throws LogUnavailableError
   */
  read(threadId: string, key?: string): MaybePromise<readonly LogValue[]>;
  /**
   * Reports the values of a thread that this process has subscribed to: soon all of them (`isWhole`), then each change. All of them again
   * where changes may have been missed. A key may be reported again with the value that it has.
   * @returns a function that ends it
   */
  watch(threadId: string, onValues: ValuesListener): () => void;
  /**
   * A connection of this process has ended, or has left the thread: removes its values there. Does not wait; while the log is unreachable, it
   * is done later. A `set` that is in progress for it fails, or is undone.
   */
  end(threadId: string, owner: string): void;
}
