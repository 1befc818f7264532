import { Failure } from './replies.ts';

/** What a key holds. A string is in an array, so that each kind can be changed in place. */
export type Stored =
  | { readonly type: 'string'; text: string }
  | { readonly type: 'hash'; readonly fields: Map<string, string> }
  | { readonly type: 'set'; readonly members: Set<string> }
  | { readonly type: 'zset'; readonly scores: Map<string, number> };

type Kind = Stored['type'];
type Of<K extends Kind> = Extract<Stored, { readonly type: K }>;

interface Slot {
  readonly stored: Stored;
  /** On the clock of the model. */
  expiresAt: number;
}

/** All that a Redis held at one moment. */
export type Dump = ReadonlyMap<string, Slot>;

export const WRONG_TYPE = new Failure('WRONGTYPE Operation against a key holding the wrong kind of value');

const NEW: { readonly [K in Kind]: () => Of<K> } = {
  string: () => ({ type: 'string', text: '' }),
  hash: () => ({ type: 'hash', fields: new Map() }),
  set: () => ({ type: 'set', members: new Set() }),
  zset: () => ({ type: 'zset', scores: new Map() }),
};

/** The keys of a Redis, and when they expire. */
export class Keyspace {
  readonly #now: () => number;
  #slots = new Map<string, Slot>();
  /** The time stands still while a script runs. */
  #scriptAt: number | undefined;

  /** @param now the time of day, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  get now(): number {
    return this.#scriptAt ?? this.#now();
  }

  during<T>(script: () => T): T {
    this.#scriptAt = this.now;
    try {
      return script();
    } finally {
      this.#scriptAt = undefined;
    }
  }

  names(): string[] {
    return [...this.#slots.keys()].filter((key) => this.#slot(key) !== undefined);
  }

  /** @throws WRONG_TYPE */
  find<K extends Kind>(key: string, type: K): Of<K> | undefined {
    const stored = this.#slot(key)?.stored;
    if (stored === undefined) return undefined;
    if (!isOf(stored, type)) throw WRONG_TYPE;
    return stored;
  }

  /** @throws WRONG_TYPE */
  make<K extends Kind>(key: string, type: K): Of<K> {
    const found = this.find(key, type);
    if (found !== undefined) return found;
    const stored: Of<K> = NEW[type]();
    this.#slots.set(key, { stored, expiresAt: Infinity });
    return stored;
  }

  typeOf(key: string): Kind | undefined {
    return this.#slot(key)?.stored.type;
  }

  has(key: string): boolean {
    return this.#slot(key) !== undefined;
  }

  /** Replaces whatever is there. */
  put(key: string, text: string, expiresAt: number): void {
    this.#slots.set(key, { stored: { type: 'string', text }, expiresAt });
    this.#slot(key);
  }

  delete(key: string): boolean {
    const has = this.has(key);
    this.#slots.delete(key);
    return has;
  }

  /** A hash or set that has become empty is gone. */
  settle(key: string): void {
    const stored = this.#slots.get(key)?.stored;
    if (stored !== undefined && sizeOf(stored) === 0) this.#slots.delete(key);
  }

  expiryOf(key: string): number | undefined {
    return this.#slot(key)?.expiresAt;
  }

  expire(key: string, at: number): boolean {
    const slot = this.#slot(key);
    if (slot === undefined) return false;
    slot.expiresAt = at;
    this.#slot(key);
    return true;
  }

  dump(): Dump {
    return new Map(this.names().map((key) => [key, copyOf(this.#slots.get(key))]));
  }

  restore(dump: Dump): void {
    this.#slots = new Map([...dump].map(([key, slot]) => [key, copyOf(slot)]));
  }

  #slot(key: string): Slot | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || slot.expiresAt > this.now) return slot;
    this.#slots.delete(key);
    return undefined;
  }
}

const isOf = <K extends Kind>(stored: Stored, type: K): stored is Of<K> => stored.type === type;

function sizeOf(stored: Stored): number {
  if (stored.type === 'hash') return stored.fields.size;
  if (stored.type === 'set') return stored.members.size;
  return stored.type === 'zset' ? stored.scores.size : 1;
}

function copyOf(slot: Slot | undefined): Slot {
  if (slot === undefined) throw new Error('it has just been there');
  const { stored, expiresAt } = slot;
  if (stored.type === 'hash') return { stored: { type: 'hash', fields: new Map(stored.fields) }, expiresAt };
  if (stored.type === 'set') return { stored: { type: 'set', members: new Set(stored.members) }, expiresAt };
  if (stored.type === 'zset') return { stored: { type: 'zset', scores: new Map(stored.scores) }, expiresAt };
  return { stored: { ...stored }, expiresAt };
}
