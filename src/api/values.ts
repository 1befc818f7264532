import type { ThreadDefinition, ThreadShape } from './definition.ts';

/** The keys that a definition names; any text without one. */
export type ValueKey<Values extends object> = [keyof Values] extends [never] ? string : keyof Values & string;

/** What a key stands for. */
export type ValueOf<Values extends object, Key> = Key extends keyof Values ? Values[Key] : unknown;

/** What any of the keys stands for. */
export type AnyValueOf<Values extends object> = [keyof Values] extends [never] ? unknown : Values[keyof Values];

export interface SetValueOptions {
  /** The value is removed after this time, in milliseconds, unless it is set again. @default it stays */
  ttlMs?: number | undefined;
  /** A connection of this process: the value is removed when it leaves the thread, or ends. @default the value stays */
  connection?: { readonly id: string } | undefined;
}

/**
 * The keyed values of a thread, the same in all processes that share the log: small things of now, such as who is typing, a cursor, a topic. The
 * newest value of a key counts; no client gets the ones before it again. For what has to be kept, use messages.
 *
 * A key is 1 to 128 bytes of UTF-8 without control characters. Keys that begin with `~` are those of `threadcast/presence`.
 * @typeParam Values those of the thread's definition; any key, with an unknown value, without one
 */
export interface ThreadValues<Values extends object = object> {
  /**
   * Sets a value; resolves when the log has it. Its former owner and time do not count any more.
   * @param value what JSON can express; `undefined` is no value
   * @throws ValueLimitError; UnserializableMessageError; InvalidOptionError; ConnectionClosedError: `connection` has ended, or is of another
   *   hub; InvalidMessageError, in development: the thread's definition refuses it; LogUnavailableError: it may have been set;
   *   LogUnsupportedError; HubClosedError
   */
  set<Key extends ValueKey<Values>>(key: Key, value: ValueOf<Values, Key>, options?: SetValueOptions): Promise<void>;
  /** Removes a value; false if there was none. @throws LogUnavailableError: it may have been removed; LogUnsupportedError, HubClosedError */
  delete(key: ValueKey<Values>): Promise<boolean>;
  /** The value of a key; undefined without one. @throws LogUnavailableError, LogUnsupportedError */
  get<Key extends ValueKey<Values>>(key: Key): Promise<ValueOf<Values, Key> | undefined>;
  /** All values, in no order: `new Map(await thread.values.entries())`. @throws LogUnavailableError, LogUnsupportedError */
  entries(): Promise<readonly (readonly [key: string, value: AnyValueOf<Values>])[]>;
}

/** A change of a value that a client asks for. */
export interface ClientValue<
  Id extends string = string,
  Pattern extends string | undefined = string | undefined,
  Key extends string = string,
  Value = unknown,
> {
  readonly threadId: Id;
  /** The pattern of the thread's definition; undefined without one. */
  readonly pattern: Pattern;
  readonly key: Key;
  /**
   * The output of the schema in the thread's definition. Without one, the value as the client sent it: check it before you allow it.
   * Undefined if the client asks for the value's removal.
   */
  readonly value: Value | undefined;
  /** How long the value is to stay, in milliseconds; undefined if it is to stay. */
  readonly ttlMs: number | undefined;
  /** The value is to be removed with the client's connection. */
  readonly isOwned: boolean;
}

/**
 * A change that a client asks for, by the definitions of the hub: `pattern` tells which one it is, and `key` what its value is. In a thread
 * without a definition, `pattern` is undefined, and the value unknown. Keys that begin with `~` are those of `threadcast/presence`.
 */
export type ValueChangeIn<Definition extends ThreadDefinition> =
  ClientValue<string, undefined> | (Definition extends ThreadDefinition<infer T> ? ValueChangeOf<T> : never);

type ValueChangeOf<T extends ThreadShape> = [keyof T['values']] extends [never]
  ? ClientValue<T['id'], T['pattern']>
  : | ClientValue<T['id'], T['pattern'], `~${string}`>
    | {
        [Key in keyof T['values'] & string]: ClientValue<T['id'], T['pattern'], Key, T['values'][Key]>;
      }[keyof T['values'] & string];

/** Limits of the values of threads. Beyond them a change is refused with `TC_VALUE_LIMIT`. */
export interface ValueOptions {
  /** Values that a thread may have. @default 1000 */
  maxKeys?: number | undefined;
  /** Bytes of the JSON of one value. @default 4096 */
  maxValueBytes?: number | undefined;
  /** Bytes of all keys and values of a thread, at most 1 MiB: a client that joins gets them in one frame. @default 65536 */
  maxBytes?: number | undefined;
  /** Changes that one client may make in a second, in all of its threads, and five times as many at once. @default 20 */
  maxPerSecond?: number | undefined;
}
